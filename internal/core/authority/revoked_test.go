package authority_test

import (
	"slices"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	. "github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// signed signs a certificate of an identity.
func (w *world) signed(kind identity.Kind, name string, life time.Duration) access.Certificate {
	w.Helper()
	return want[access.Certificate](w, w.ask(root, access.Sign{Identity: identity.Identity{Kind: kind, Name: name}, Key: csr(w), Life: life}))
}

// TestAgentsAreToldOfRevokedControllers revokes certificates of several kinds: agents must
// know those of controllers, until they expire.
func TestAgentsAreToldOfRevokedControllers(t *testing.T) {
	w := newWorld(t, Config{})
	controller, other := w.signed(identity.Controller, "zd", 2*time.Hour), w.signed(identity.Controller, "zd", time.Hour)
	ofAgent := w.signed(identity.Agent, "sensor-1", time.Hour)
	if got := w.view.Directory.RevokedControllers; len(got) > 0 {
		t.Errorf("before: %v", got)
	}
	for _, c := range []access.Certificate{other, ofAgent, controller} {
		want[access.Done](w, w.ask(root, access.RevokeCertificate{Serial: serial(t, c.Certificate)}))
	}
	both := []string{serial(t, controller.Certificate), serial(t, other.Certificate)}
	if got := w.view.Directory.RevokedControllers; !slices.Equal(got, both) {
		t.Errorf("got %v, want %v", got, both)
	}
	w.wait(time.Hour)
	w.restart()
	if got := w.view.Directory.RevokedControllers; !slices.Equal(got, both[:1]) {
		t.Errorf("after one has expired: got %v, want %v", got, both[:1])
	}
}
