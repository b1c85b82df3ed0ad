package joined

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// A host that cannot reach its controller exchanges two files with it: it writes a
// Request (zeekfleet agent csr), the controller answers with a Signed (zeekfleet cert
// sign), and the host installs that (zeekfleet agent install). Neither file is secret.

// Request asks for the certificates of an agent and of its nodes.
type Request struct {
	Instance string
	// Controller is the host:port at which the agent will dial its controller.
	Controller string
	// Key and NodeKey are signing requests in PEM form. NodeKey may be empty.
	Key, NodeKey []byte
}

// Signed answers a Request. The texts are in PEM form. Those of nodes may be empty.
type Signed struct {
	Cluster, Instance string
	Controller        string
	// Certificate is the agent's. Authorities are those that it must trust.
	Certificate, Authorities         []byte
	NodeCertificate, NodeAuthorities []byte
}

// MaxExchanged bounds a Request and a Signed, in bytes.
const MaxExchanged = 512 << 10

// Encode returns the text of the file.
func (r Request) Encode() []byte {
	return lines(request1{currentForm, requestKind, r.Instance, r.Controller, string(r.Key), string(r.NodeKey)})
}

// DecodeRequest reads the text of a file.
func DecodeRequest(text []byte) (Request, error) {
	f, err := decodeExchanged[request1](text, requestKind, "it is not a signing request: \"zeekfleet agent csr\" makes one on the sensor")
	if err == nil {
		err = identity.CheckName(f.Instance)
	}
	return Request{f.Instance, f.Controller, []byte(f.Key), []byte(f.NodeKey)}, err
}

// Encode returns the text of the file.
func (s Signed) Encode() []byte {
	return lines(signed1{
		currentForm, signedKind, s.Cluster, s.Instance, s.Controller,
		string(s.Certificate), string(s.Authorities), string(s.NodeCertificate), string(s.NodeAuthorities),
	})
}

// DecodeSigned reads the text of a file.
func DecodeSigned(text []byte) (Signed, error) {
	f, err := decodeExchanged[signed1](text, signedKind, "it is not a signed certificate: \"zeekfleet cert sign\" makes one on the controller")
	return Signed{
		f.Cluster, f.Instance, f.Controller,
		[]byte(f.Certificate), []byte(f.Authorities), []byte(f.NodeCertificate), []byte(f.NodeAuthorities),
	}, err
}

func lines(f any) []byte { return append(form.Encode(f), '\n') }

// decodeExchanged reads a file of one kind. otherwise is the error for a file of
// another kind.
func decodeExchanged[Form any](text []byte, kind, otherwise string) (f Form, err error) {
	if len(text) > MaxExchanged {
		return f, fmt.Errorf("it is longer than %d bytes", MaxExchanged)
	}
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return f, fmt.Errorf("not a JSON object: %w", err)
	}
	if head.Kind != kind {
		return f, errors.New(otherwise)
	}
	return decode[Form](text, false)
}

// Pending are the keys of a host that waits for a Signed.
type Pending struct {
	Instance, Controller string
	// Key and NodeKey are private keys in PEM form.
	Key, NodeKey []byte
}

// NewPending makes the keys of an agent and of its nodes.
func NewPending(instance, controller string) (Pending, error) {
	p := Pending{Instance: instance, Controller: controller}
	var err error
	if p.Key, err = newKey(); err == nil {
		p.NodeKey, err = newKey()
	}
	return p, err
}

func newKey() ([]byte, error) {
	key, err := identity.NewKey()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return identity.KeyPEM(key)
}

// Request returns the signing requests for the keys.
func (p Pending) Request() (Request, error) {
	key, err := SigningRequest(identity.Identity{Kind: identity.Agent, Name: p.Instance}, p.Key)
	if err != nil {
		return Request{}, err
	}
	nodeKey, err := SigningRequest(identity.Identity{Kind: identity.Node, Name: p.Instance}, p.NodeKey)
	return Request{p.Instance, p.Controller, key, nodeKey}, err
}

// SigningRequest returns the signing request for a private key in PEM form.
func SigningRequest(who identity.Identity, key []byte) ([]byte, error) {
	private, err := identity.ReadKey(key)
	if err != nil {
		return nil, err
	}
	return identity.NewRequest(who, private)
}

// Complete returns the credentials that an answer makes of the keys. The caller checks
// them with Use.
func (p Pending) Complete(s Signed) (Credentials, error) {
	if p.Instance != "" && s.Instance != p.Instance {
		return Credentials{}, fmt.Errorf("the certificate is for instance %.100q, and the request was for %q", s.Instance, p.Instance)
	}
	c := Credentials{
		Cluster: s.Cluster, Instance: s.Instance, Controller: p.Controller,
		Key: p.Key, Certificate: s.Certificate, Authorities: s.Authorities,
	}
	if c.Controller == "" {
		c.Controller = s.Controller
	}
	if len(s.NodeCertificate) > 0 {
		c.NodeKey, c.NodeCertificate, c.NodeAuthorities = p.NodeKey, s.NodeCertificate, s.NodeAuthorities
	}
	return c, nil
}
