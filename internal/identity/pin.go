package identity

import (
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

// Pin gives an identity to one certificate.
type Pin struct {
	Identity    Identity
	Fingerprint string // as Fingerprint returns it
}

var fingerprintForm = lazy.Regexp(`^sha256:[0-9a-f]{64}$`)

// ParsePin parses NAME=FINGERPRINT. The fingerprint is sha256: and 64 hex digits, which
// may have colons between them, as openssl prints them.
func ParsePin(kind Kind, text string) (Pin, error) {
	name, fingerprint, found := strings.Cut(text, "=sha256:")
	fingerprint = "sha256:" + strings.ToLower(strings.ReplaceAll(fingerprint, ":", ""))
	if !found || !fingerprintForm().MatchString(fingerprint) {
		return Pin{}, fmt.Errorf("%q is not of the form NAME=sha256:HEX, with 64 hex digits: openssl x509 -in FILE -noout -fingerprint -sha256 prints them", printable(text))
	}
	id := Identity{kind, name}
	return Pin{id, fingerprint}, id.Check()
}

// String returns NAME=FINGERPRINT.
func (p Pin) String() string { return p.Identity.Name + "=" + p.Fingerprint }

// Pins returns the pins by their fingerprints.
func Pins(list []Pin) map[string]Identity {
	if len(list) == 0 {
		return nil
	}
	pins := map[string]Identity{}
	for _, p := range list {
		pins[p.Fingerprint] = p.Identity
	}
	return pins
}
