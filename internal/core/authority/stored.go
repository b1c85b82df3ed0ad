package authority

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// storedForm is the newest form of the values.
const storedForm = 1

// The forms of the values, by their keys.
type (
	clusterForm1 struct {
		Version int    `json:"version"`
		Cluster string `json:"cluster"`
	}
	ownForm1 struct {
		Version     int    `json:"version"`
		Certificate string `json:"certificate"` // PEM
		Key         string `json:"key"`         // PEM
	}
	// memberForm1 is the certificate of a controller in a cluster of controllers.
	memberForm1 struct {
		Version     int       `json:"version"`
		Certificate string    `json:"certificate"` // PEM
		Key         string    `json:"key"`         // PEM
		Awaited     time.Time `json:"awaited,omitzero"`
	}
	issuerForm1 struct {
		Version     int    `json:"version"`
		Number      int    `json:"number"`
		Nodes       bool   `json:"nodes,omitempty"`
		Hurried     bool   `json:"hurried,omitempty"`
		Certificate string `json:"certificate"` // PEM
		Key         string `json:"key"`         // PEM
	}
	tokenForm1 struct {
		Version   int       `json:"version"`
		For       string    `json:"for"`
		Authority string    `json:"authority"`
		Secret    string    `json:"secret_sha256"`
		By        string    `json:"by"`
		Created   time.Time `json:"created"`
		Expires   time.Time `json:"expires"`
		Uses      int       `json:"uses"`
		Ended     end       `json:"ended,omitempty"`
		EndedAt   time.Time `json:"ended_at,omitzero"`
	}
	apiTokenForm1 struct {
		Version int       `json:"version"`
		User    string    `json:"user"`
		Name    string    `json:"name"`
		Secret  string    `json:"secret_sha256"`
		By      string    `json:"by"`
		Created time.Time `json:"created"`
		Expires time.Time `json:"expires,omitzero"`
		LastUse time.Time `json:"last_use,omitzero"`
	}
	userForm1 struct {
		Version int       `json:"version"`
		Role    string    `json:"role"`
		Created time.Time `json:"created"`
		SSO     bool      `json:"sso,omitempty"`
		Subject string    `json:"subject,omitempty"`
		LastUse time.Time `json:"last_use,omitzero"`
	}
	certificateForm1 struct {
		Version   int       `json:"version"`
		Owner     string    `json:"owner"`
		Issued    time.Time `json:"issued"`
		Expires   time.Time `json:"expires"`
		Revoked   time.Time `json:"revoked,omitzero"`
		Authority string    `json:"authority"`
		Hosts     []string  `json:"hosts,omitempty"`
		SSO       bool      `json:"sso,omitempty"`
		Used      bool      `json:"used,omitempty"`
		From      string    `json:"from,omitempty"`
	}
)

func (c *cluster) encode() []byte { return form.Encode(clusterForm1{storedForm, c.id}) }

func (o *own) encode() []byte {
	if o.place == "" {
		return form.Encode(ownForm1{storedForm, string(identity.CertPEM(o.cert)), keyText(o.signer)})
	}
	return form.Encode(memberForm1{storedForm, string(identity.CertPEM(o.cert)), keyText(o.signer), o.awaited.UTC()})
}

func (i *issuer) encode() []byte {
	return form.Encode(issuerForm1{storedForm, i.number, i.nodes, i.hurried, string(identity.CertPEM(i.Cert)), keyText(i.Key)})
}

// keyText returns a private key in PEM form. It panics for a key that Maker cannot make.
func keyText(key crypto.Signer) string {
	text, err := identity.KeyPEM(key)
	if err != nil {
		panic("authority: " + err.Error())
	}
	return string(text)
}

func (t *token) encode() []byte {
	return form.Encode(tokenForm1{
		storedForm, t.forWhom.String(), t.authority, hex.EncodeToString(t.secret[:]), t.by,
		t.created.UTC(), t.expires.UTC(), t.uses, t.ended, t.endedAt.UTC(),
	})
}

func (t *apiToken) encode() []byte {
	return form.Encode(apiTokenForm1{
		storedForm, t.user, t.name, hex.EncodeToString(t.secret[:]), t.by, t.created.UTC(), t.expires.UTC(), t.lastUse.UTC(),
	})
}

func (u *user) encode() []byte {
	return form.Encode(userForm1{storedForm, u.role.String(), u.created.UTC(), u.sso, u.subject, u.lastUse.UTC()})
}

func (c *certificate) encode() []byte {
	return form.Encode(certificateForm1{
		storedForm, c.owner.String(), c.issued.UTC(), c.expires.UTC(), c.revoked.UTC(), c.authority, c.hosts, c.sso, c.used, c.from,
	})
}

// Restore reads a State from the stored values, by their keys. Without values it returns
// the zero State. A value that is unknown, damaged, or in a newer form is an error.
func Restore(values map[string][]byte) (State, error) {
	s := newState()
	for _, key := range slices.Sorted(maps.Keys(values)) {
		r, err := readRecord(key, values[key])
		if err != nil {
			return State{}, fmt.Errorf("value %q: %w", key, err)
		}
		s.set(key, r)
	}
	if len(values) > 0 && s.cluster == nil {
		return State{}, fmt.Errorf("value %q is missing", clusterKey)
	}
	return s, nil
}

// readRecord reads the record with this key.
func readRecord(key string, value []byte) (record, error) {
	kind, name, named := strings.Cut(key, "/")
	if named {
		kind += "/"
	}
	if named && name == "" {
		return nil, errors.New("the key has no name")
	}
	version, err := form.Version(value, storedForm)
	if err != nil {
		return nil, err
	}
	if version != storedForm {
		return nil, fmt.Errorf("it is not stored in form %d", version)
	}
	switch kind {
	case clusterKey:
		return readCluster(value)
	case ownKey:
		return readOwn(value)
	case ownKeys:
		return readMember(name, value)
	case authorityKeys:
		return readIssuer(name, value)
	case tokenKeys:
		return readToken(name, value)
	case apiTokenKeys:
		return readAPIToken(name, value)
	case userKeys:
		return readUser(name, value)
	case certificateKeys:
		return readCertificate(name, value)
	}
	return nil, errors.New("the key is not known")
}

func readCluster(value []byte) (record, error) {
	var f clusterForm1
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	if err := identity.CheckName(f.Cluster); err != nil {
		return nil, err
	}
	return &cluster{f.Cluster}, nil
}

func readOwn(value []byte) (record, error) {
	var f ownForm1
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	cert, key, err := readPair(f.Certificate, f.Key)
	return &own{cert: cert, signer: key}, err
}

func readMember(name string, value []byte) (record, error) {
	var f memberForm1
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	if err := identity.CheckName(name); err != nil {
		return nil, err
	}
	cert, key, err := readPair(f.Certificate, f.Key)
	return &own{name, cert, key, f.Awaited}, err
}

func readIssuer(hash string, value []byte) (record, error) {
	var f issuerForm1
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	cert, key, err := readPair(f.Certificate, f.Key)
	if err != nil {
		return nil, err
	}
	if got := identity.KeyHash(cert); got != hash || !cert.IsCA {
		return nil, fmt.Errorf("it has the certificate of another authority: %s", got)
	}
	return &issuer{identity.Authority{Cert: cert, Key: key}, hash, f.Number, f.Nodes, f.Hurried}, nil
}

// readPair reads a certificate and its key.
func readPair(certText, keyText string) (*x509.Certificate, crypto.Signer, error) {
	certs, err := identity.ReadCerts([]byte(certText))
	if err != nil {
		return nil, nil, err
	}
	key, err := identity.ReadKey([]byte(keyText))
	if err != nil {
		return nil, nil, err
	}
	if !identity.IsKeyOf(key, certs[0]) {
		return nil, nil, errors.New("the key is not that of the certificate")
	}
	return certs[0], key, nil
}

func readToken(id string, value []byte) (record, error) {
	var f tokenForm1
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	forWhom, err := identity.Parse(f.For)
	if err != nil {
		return nil, err
	}
	secret, err := readHash(f.Secret)
	if err != nil {
		return nil, err
	}
	if f.Ended != "" && f.Ended != used && f.Ended != revoked {
		return nil, fmt.Errorf("%q is no end of a token", f.Ended)
	}
	return &token{
		id, forWhom, f.Authority, secret, f.By, f.Created, f.Expires, f.Uses, f.Ended, f.EndedAt,
	}, nil
}

func readAPIToken(id string, value []byte) (record, error) {
	var f apiTokenForm1
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	secret, err := readHash(f.Secret)
	return &apiToken{id, f.User, f.Name, secret, f.By, f.Created, f.Expires, f.LastUse}, err
}

func readHash(text string) (hash [sha256.Size]byte, err error) {
	decoded, err := hex.DecodeString(text)
	if err != nil || len(decoded) != len(hash) {
		return hash, errors.New("it has no SHA-256 hash")
	}
	return [sha256.Size]byte(decoded), nil
}

func readUser(name string, value []byte) (record, error) {
	var f userForm1
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	role, err := access.ParseRole(f.Role)
	if err != nil {
		return nil, err
	}
	if err := identity.CheckName(name); err != nil {
		return nil, err
	}
	return &user{name, role, f.Created, f.SSO, f.Subject, f.LastUse}, nil
}

func readCertificate(serial string, value []byte) (record, error) {
	var f certificateForm1
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	owner, err := identity.Parse(f.Owner)
	return &certificate{
		serial: serial, owner: owner, issued: f.Issued, expires: f.Expires, revoked: f.Revoked, authority: f.Authority,
		hosts: f.Hosts, sso: f.SSO, used: f.Used, from: f.From,
	}, err
}
