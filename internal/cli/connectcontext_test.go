package cli_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/replay"
)

// TestClientCommandsUseTheContext runs a command over the WebSocket of a controller, which
// has the certificate of each identity once. The certificate of the user is old enough
// to be renewed.
func TestClientCommandsUseTheContext(t *testing.T) {
	s := newSite(t)
	_, conversations := replay.Load(t, "zeek-client.json")
	ack, exchanges := conversations[0].Exchanges()
	for name, tt := range map[string]struct {
		server identity.Identity
		status int
		stderr string // ADDRESS stands for the controller's
	}{
		"the controller": {theController, cli.StatusDone, ""},
		"another user": {ann, cli.StatusFailed,
			"zeekfleet: socket TLS error in connect() with controller ADDRESS: TLS handshake: the program at ADDRESS shows the certificate of user/ann, and is no controller\n"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeController{answers: map[string]any{
				"POST /api/v1/renew": s.renews(t, ann), "GET /api/v1/controllers": api.Controllers{Members: []api.ControllerMember{
					{Name: "hub-1", Clients: []string{"192.0.2.1:2149", "hub-1:2149"}}, {Name: "hub-2", Clients: []string{"192.0.2.2:2149"}},
				}},
			}}
			mux := http.NewServeMux()
			mux.Handle("/api/", f)
			mux.Handle("/v1/messages/json", (&replay.Controller{Ack: ack, Exchanges: exchanges, App: "test"}).Handler(t))
			server := httptest.NewUnstartedServer(mux)
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.TLS = s.serverTLS(t, tt.server)
			server.StartTLS()
			t.Cleanup(server.Close)
			address := server.Listener.Addr().String()
			contexts := cli.ContextsIn(t.TempDir())
			s.addContext(t, contexts, "west", address, time.Now().Add(-50*time.Minute), time.Hour)
			a, stdout, stderr := admin(t, address)
			var err error
			a.Settings.Context, err = contexts.Find("")
			must(t, err)
			status := a.GetInstances(t.Context())
			if want := strings.ReplaceAll(tt.stderr, "ADDRESS", address); status != tt.status || stderr.String() != want {
				t.Errorf("status %d, stderr:\n%swant:\n%s", status, stderr, want)
			}
			if done := status == cli.StatusDone; done != (stdout.Len() > 0) || done != (len(f.seen()) == 2) {
				t.Errorf("stdout %s, asked %q", stdout, f.seen())
			}
			// With the certificate, the context learns where the other controllers are.
			var others []string
			if tt.status == cli.StatusDone {
				others = []string{"192.0.2.1:2149", "192.0.2.2:2149", "hub-1:2149"}
			}
			if used, err := contexts.Find(""); err != nil || used.Controller != address || !slices.Equal(used.Others, others) {
				t.Errorf("then the context is %+v, %v", used, err)
			}
		})
	}
}
