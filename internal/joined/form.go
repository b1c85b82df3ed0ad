package joined

import (
	"errors"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// currentForm is the form in which this program writes its files, except the credentials,
// which it writes in credentialsForm.
const (
	currentForm     = 1
	credentialsForm = 2
)

// credentials1 is form 1 of Credentials. It has a seal.
type credentials1 struct {
	Version         int       `json:"version"`
	Cluster         string    `json:"cluster"`
	Instance        string    `json:"instance"`
	Controller      string    `json:"controller"`
	Received        time.Time `json:"received"`
	Key             string    `json:"key"`
	Certificate     string    `json:"certificate"`
	Authorities     string    `json:"authorities"`
	NodeKey         string    `json:"node_key,omitempty"`
	NodeCertificate string    `json:"node_certificate,omitempty"`
	NodeAuthorities string    `json:"node_authorities,omitempty"`
}

// credentials2 is form 2 of Credentials. It has what form 1 has, and the controllers that
// no longer count.
type credentials2 struct {
	credentials1
	Revoked []string `json:"revoked,omitempty"`
}

func (c Credentials) encode() []byte {
	return durable.Seal(form.Encode(credentials2{credentials1{
		Version: credentialsForm, Cluster: c.Cluster, Instance: c.Instance, Controller: c.Controller, Received: c.Received.UTC(),
		Key: string(c.Key), Certificate: string(c.Certificate), Authorities: string(c.Authorities),
		NodeKey: string(c.NodeKey), NodeCertificate: string(c.NodeCertificate), NodeAuthorities: string(c.NodeAuthorities),
	}, c.Revoked}))
}

// decodeCredentials reads forms 1 and 2.
func decodeCredentials(text []byte) (Credentials, error) {
	var f credentials2
	text, version, err := opened(text, credentialsForm, true)
	switch {
	case err == nil && version == 1:
		err = form.Decode(text, &f.credentials1)
	case err == nil:
		err = form.Decode(text, &f)
	}
	return Credentials{
		Cluster: f.Cluster, Instance: f.Instance, Controller: f.Controller, Received: f.Received,
		Key: []byte(f.Key), Certificate: []byte(f.Certificate), Authorities: []byte(f.Authorities),
		NodeKey: []byte(f.NodeKey), NodeCertificate: []byte(f.NodeCertificate), NodeAuthorities: []byte(f.NodeAuthorities),
		Revoked: f.Revoked,
	}, err
}

// pending1 is form 1 of a Pending. It has a seal.
type pending1 struct {
	Version    int    `json:"version"`
	Instance   string `json:"instance"`
	Controller string `json:"controller"`
	Key        string `json:"key"`
	NodeKey    string `json:"node_key"`
}

func (p Pending) encode() []byte {
	return durable.Seal(form.Encode(pending1{currentForm, p.Instance, p.Controller, string(p.Key), string(p.NodeKey)}))
}

func decodePending(text []byte) (Pending, error) {
	f, err := decode[pending1](text, true)
	return Pending{f.Instance, f.Controller, []byte(f.Key), []byte(f.NodeKey)}, err
}

// request1 is form 1 of a Request. People may look into it: it has no seal.
type request1 struct {
	Version    int    `json:"version"`
	Kind       string `json:"kind"`
	Instance   string `json:"instance"`
	Controller string `json:"controller"`
	Key        string `json:"key"`
	NodeKey    string `json:"node_key,omitempty"`
}

// signed1 is form 1 of a Signed. It has no secret, and no seal.
type signed1 struct {
	Version         int    `json:"version"`
	Kind            string `json:"kind"`
	Cluster         string `json:"cluster"`
	Instance        string `json:"instance"`
	Controller      string `json:"controller"`
	Certificate     string `json:"certificate"`
	Authorities     string `json:"authorities"`
	NodeCertificate string `json:"node_certificate,omitempty"`
	NodeAuthorities string `json:"node_authorities,omitempty"`
}

// The kinds of files that hosts exchange.
const (
	requestKind = "zeekfleet signing request"
	signedKind  = "zeekfleet signed certificate"
)

// decode reads a text of form 1. The text has its seal, if sealed says so.
func decode[Form any](text []byte, sealed bool) (f Form, err error) {
	if text, _, err = opened(text, currentForm, sealed); err != nil {
		return f, err
	}
	return f, form.Decode(text, &f)
}

// opened takes the seal off a text, if it has one, and returns its version. latest is the
// latest form that this program reads.
func opened(text []byte, latest int, sealed bool) ([]byte, int, error) {
	if sealed {
		var had bool
		var err error
		if text, had, err = durable.Unseal(text); err == nil && !had {
			err = errors.New("its end is missing")
		}
		if err != nil {
			return nil, 0, err
		}
	}
	version, err := form.Version(text, latest)
	if err == nil && version < 1 {
		err = errors.New("it has no version")
	}
	return text, version, err
}
