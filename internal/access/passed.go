package access

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf16"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Passed says for whom a controller passes a request on to the controller that leads. Only
// the certificate of a controller makes it count.
type Passed struct {
	// Name and Role are those of the user, as that controller knows the connection. An API
	// token or a session in the request counts before them, and the controller that leads
	// judges it. Name is empty if the connection is nobody's; Denied says why.
	Name   string
	Role   mgmt.UserRole
	Denied string
	// Source is the address of the user.
	Source netip.AddrPort
	// Secure says that the user's connection is TLS. Here says that the user is on the host of
	// that controller.
	Secure, Here bool
	// Certificate is what the user has shown, with a proof that it has the key. Nil means
	// none.
	Certificate *x509.Certificate
}

// MaxPassed bounds the text of a Passed, in bytes. A certificate for which there is no room
// is left out.
const MaxPassed = 8 << 10

// maxPassedName bounds the name in it, and the reason, in bytes.
const maxPassedName = 512

// passedForm is the JSON of a Passed.
type passedForm struct {
	Name        string `json:"name,omitempty"`
	Role        string `json:"role,omitempty"`
	Denied      string `json:"denied,omitempty"`
	Source      string `json:"source"`
	Secure      bool   `json:"secure,omitempty"`
	Here        bool   `json:"here,omitempty"`
	Certificate []byte `json:"certificate,omitempty"`
}

// Text returns p as the value of a header: JSON in ASCII, of at most MaxPassed bytes.
func (p Passed) Text() string {
	form := passedForm{
		Name: short(p.Name), Denied: short(p.Denied), Source: p.Source.String(), Secure: p.Secure, Here: p.Here,
	}
	if p.Role > mgmt.NoUser {
		form.Role = p.Role.String()
	}
	if p.Certificate != nil {
		form.Certificate = p.Certificate.Raw
	}
	text := ascii(form)
	if len(text) > MaxPassed {
		form.Certificate = nil
		text = ascii(form)
	}
	return text
}

func short(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), maxPassedName)], "?")
}

// ascii returns JSON in which all characters beyond ASCII are escaped.
func ascii(form passedForm) string {
	text, err := json.Marshal(form)
	if err != nil {
		panic("access: a passed request cannot be encoded: " + err.Error())
	}
	var b strings.Builder
	for _, r := range string(text) {
		switch {
		case r < 0x7f:
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	return b.String()
}

// ParsePassed reads the Text of a Passed.
func ParsePassed(text string) (p Passed, err error) {
	if len(text) > MaxPassed {
		return p, fmt.Errorf("it has %d bytes, at most %d are allowed", len(text), MaxPassed)
	}
	var form passedForm
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&form); err != nil {
		return p, errors.New("it is not the JSON that controllers send")
	}
	if dec.More() {
		return p, errors.New("there is more than one value")
	}
	p = Passed{Name: form.Name, Denied: form.Denied, Secure: form.Secure, Here: form.Here}
	if form.Role != "" {
		if p.Role, err = ParseRole(form.Role); err != nil {
			return Passed{}, err
		}
	}
	if len(form.Name) > maxPassedName || p.Role > mgmt.NoUser && p.Name == "" {
		return Passed{}, errors.New("there is a role without a name, or too long a name")
	}
	if p.Source, err = netip.ParseAddrPort(form.Source); err != nil {
		return Passed{}, errors.New("there is no source")
	}
	if len(form.Certificate) > 0 {
		if p.Certificate, err = x509.ParseCertificate(form.Certificate); err != nil {
			return Passed{}, errors.New("the certificate is damaged")
		}
	}
	return p, nil
}

// Principal returns the user, by what is known here: a user of the cluster has the role that
// it has now, and a certificate that was revoked meanwhile does not count. by is the
// controller that passes the request on. The error is for the user.
func (p Passed) Principal(by string, d *Directory) (mgmt.Principal, error) {
	source := netip.AddrPortFrom(p.Source.Addr().Unmap(), p.Source.Port()).String()
	if p.Certificate != nil && d.Trust != nil {
		if d.Trust.Revoked[identity.Serial(p.Certificate)] {
			return mgmt.Principal{}, errors.New("this certificate was revoked")
		}
		for _, uri := range p.Certificate.URIs {
			if id, cluster, ok := identity.FromURI(uri); ok && cluster == d.Trust.Cluster {
				who, err := d.Principal(id)
				who.Source = source
				return who, err
			}
		}
	}
	switch {
	case p.Denied != "":
		return mgmt.Principal{}, errors.New(p.Denied)
	case p.Role == mgmt.NoUser:
		return mgmt.Principal{}, errors.New("this controller does not know who you are: show the certificate of a user (zeekfleet login), or an API token")
	}
	who := mgmt.Principal{Name: p.Name, Role: p.Role, Source: source}
	if p.Here && p.Certificate == nil {
		who.Name += " on " + by // accounts of hosts have the same names
	}
	return who, nil
}
