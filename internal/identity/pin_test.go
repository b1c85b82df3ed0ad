package identity_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/identity"
)

func TestPins(t *testing.T) {
	hex := strings.Repeat("0a1f", 16)
	want := identity.Pin{Identity: identity.Identity{Kind: identity.Agent, Name: "sensor-9"}, Fingerprint: "sha256:" + hex}
	for name, text := range map[string]string{
		"as cert show prints it": "sensor-9=sha256:" + hex,
		"as openssl prints it":   "sensor-9=sha256:" + strings.Repeat("0A:1F:", 15) + "0A:1F",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := identity.ParsePin(identity.Agent, text)
			if err != nil || got != want {
				t.Errorf("got %+v, %v", got, err)
			}
			if got.String() != "sensor-9=sha256:"+hex {
				t.Errorf("it is written as %s", got)
			}
		})
	}
	for _, text := range []string{
		"", "sensor-9", "sha256:" + hex, "=sha256:" + hex, "sensor-9=" + hex, "sensor-9=sha256:" + hex[1:], "sensor-9=sha256:" + hex + "00",
		"sensor-9=sha256:" + hex[1:] + "g", "a/b=sha256:" + hex, "sensor-9=sha1:" + hex,
	} {
		if got, err := identity.ParsePin(identity.Agent, text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
	if pins := identity.Pins([]identity.Pin{want}); pins["sha256:"+hex] != want.Identity {
		t.Errorf("got %v", pins)
	}
}
