package bus_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// siteRequest is an upgrade that names a host and an origin; an empty one is
// left out.
func siteRequest(host, origin string) string {
	text := "GET /v1/messages/json HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: v9YvOiCOyjoQ6asuVSfY5g==\r\n"
	if host != "" {
		text += "Host: " + host + "\r\n"
	}
	if origin != "" {
		text += "Origin: " + origin + "\r\n"
	}
	return text + "\r\n"
}

func TestPagesOfOtherSitesAreForbidden(t *testing.T) {
	const elsewhere, foreign = "the request comes from a page of another site", "the request is for a host named"
	tests := map[string]struct{ host, origin, want string }{
		"what zeek-client sends":               {"127.0.0.1:2149", "http://127.0.0.1:2149", ""},
		"what zeek-client sends with TLS":      {"127.0.0.1:2149", "https://127.0.0.1:2149", ""},
		"what zeek-client sends at port 443":   {"192.0.2.1", "https://192.0.2.1:443", ""},
		"what our client sends":                {"127.0.0.1:2149", "", ""},
		"neither":                              {"", "", ""},
		"localhost":                            {"localhost:2149", "http://localhost:2149", ""},
		"IPv6":                                 {"[::1]:2149", "http://[::1]:2149", ""},
		"an IPv6 address without a port":       {"[2001:db8::1]", "http://[2001:DB8::1]", ""},
		"the host's own name, capitalized":     {"Sensor.example:2149", "http://sensor.EXAMPLE:2149", ""},
		"the host's own name, with a dot":      {"sensor.example.:2149", "", ""},
		"a name that a star stands for":        {"a.fleet.example:2149", "https://a.fleet.example:2149", ""},
		"more labels than a star stands for":   {"a.b.fleet.example", "", foreign},
		"no label where a star stands":         {"fleet.example", "", foreign},
		"a page of another site":               {"127.0.0.1:2149", "https://evil.example", elsewhere},
		"a name that leads here":               {"evil.example:2149", "http://evil.example:2149", foreign},
		"a name that leads here, no origin":    {"evil.example", "", foreign},
		"the issue's attack":                   {"evil.example", "https://evil.example", foreign},
		"a page of this host's other port":     {"127.0.0.1:2149", "http://127.0.0.1:8080", elsewhere},
		"a page of another name of this host":  {"127.0.0.1:2149", "http://localhost:2149", elsewhere},
		"a page without an origin":             {"127.0.0.1:2149", "null", elsewhere},
		"a file":                               {"127.0.0.1:2149", "file://", elsewhere},
		"an extension of a browser":            {"127.0.0.1:2149", "chrome-extension://127.0.0.1:2149", elsewhere},
		"an origin and no host":                {"", "http://127.0.0.1:2149", elsewhere},
		"a name that begins like localhost":    {"localhost.evil.example", "", foreign},
		"an address with a user before it":     {"evil@127.0.0.1:2149", "", foreign},
		"an address before a user":             {"127.0.0.1:2149@evil.example", "", foreign},
		"a port with another host behind it":   {"127.0.0.1:2149 evil.example", "http://127.0.0.1:2149 evil.example", foreign},
		"a host that is none":                  {"evil.example:2149:1", "", foreign},
		"two hosts":                            {"127.0.0.1\r\nHost: evil.example", "", "More than one Host"},
		"two origins":                          {"127.0.0.1", "http://127.0.0.1\r\nOrigin: http://evil.example", "More than one Origin"},
		"what does not print in the name":      {"evil\xff.example", "", foreign + ` "evil?.example"`},
		"an own name with another's beside it": {"sensor.example.evil.example", "", foreign},
	}
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{HostNames: []string{"sensor.example", "*.fleet.example"}})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := rawDial(t, addr)
			w.write(siteRequest(tt.host, tt.origin))
			resp := w.response()
			if tt.want == "" {
				if resp.StatusCode != http.StatusSwitchingProtocols {
					t.Fatalf("got %s", resp.Status)
				}
				return
			}
			if resp.StatusCode/100 != 4 || !strings.Contains(resp.Status, tt.want) {
				t.Errorf("got %s, want that %s", resp.Status, tt.want)
			}
			if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), tt.want) {
				t.Errorf("got body %q, %v", body, err)
			}
			w.expectEnd()
		})
	}
}
