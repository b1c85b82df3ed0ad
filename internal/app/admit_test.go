package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// stray is a certificate that no authority of the cluster has signed.
func stray(t *testing.T, name string) []*x509.Certificate {
	t.Helper()
	cert, key := selfSigned(t, name)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return []*x509.Certificate{pair.Leaf}
}

// expectAdmitted fails unless this certificate has an identity, and the other none.
func expectAdmitted(t *testing.T, judged *bus.TLS, admitted, other []*x509.Certificate, want string) {
	t.Helper()
	if got, err := judged.Judge(admitted); err != nil || got != want {
		t.Errorf("the certificate that is admitted: got %q, %v; want %s", got, err, want)
	}
	if got, err := judged.Judge(other); err == nil {
		t.Errorf("another certificate of the same name is that of %q", got)
	}
}

func TestSingleCertificatesAreAdmitted(t *testing.T) {
	zeek, other := stray(t, "zeek"), stray(t, "zeek")
	own, key := selfSigned(t, "own")
	files := settings.TLS{Cert: own, Key: key, CA: own}
	pins := func(kind identity.Kind, name string) []identity.Pin {
		return []identity.Pin{{Identity: identity.Identity{Kind: kind, Name: name}, Fingerprint: identity.Fingerprint(zeek[0])}}
	}
	for name, tls := range map[string]settings.TLS{"with an authority": {}, "with certificates from files": files} {
		t.Run("by a controller "+name, func(t *testing.T) {
			set, _, err := settings.ResolveController(settings.Sources{Defaults: app.Defaults(), Hostname: "here", LookupEnv: func(name string) (string, bool) {
				return map[string]string{"ZEEK_CONTROLLER_PORT": "0", "ZEEK_CONTROLLER_WEBSOCKET_PORT": "0"}[name], true
			}})
			if err != nil {
				t.Fatal(err)
			}
			set.Directory, set.TLS, set.Admit = t.TempDir(), tls, pins(identity.Agent, "sensor-9")
			c, err := app.OpenController(t.Context(), set, slog.New(slog.DiscardHandler), app.PortFlags{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			expectAdmitted(t, c.Bus.TLS, zeek, other, "agent/sensor-9")
		})
	}
	t.Run("by an agent", func(t *testing.T) {
		a, err := openAgent(t, func(set *settings.Agent) { set.TLS, set.Admit = files, pins(identity.Controller, "zeek") })
		if err != nil {
			t.Fatal(err)
		}
		expectAdmitted(t, a.Bus.TLS, zeek, other, "controller/zeek")
	})
	t.Run("by an agent that can show none itself", func(t *testing.T) {
		_, err := openAgent(t, func(set *settings.Agent) { set.Admit = pins(identity.Controller, "zeek") })
		if err == nil || !strings.Contains(err.Error(), "the agent has none of its own to show: join the cluster, or set tls.cert") {
			t.Errorf("got %v", err)
		}
	})
}
