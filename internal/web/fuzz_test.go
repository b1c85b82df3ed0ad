package web_test

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// panics fails a test if net/http reports that a handler has panicked.
type panics struct{ t *testing.T }

func (p panics) Write(text []byte) (int, error) {
	if strings.Contains(string(text), "panic") {
		p.t.Errorf("%s", text)
	}
	return len(text), nil
}

// No request makes a handler panic, and none that is not allowed is carried out.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /api/v1/audit?since=2026-01-02T03:04:05Z&after=1&limit=5&user=x&wait=0 HTTP/1.1\r\nHost: localhost\r\nAccept: a;,b\r\n\r\n",
		"POST /api/v1/join HTTP/1.1\r\nHost: localhost\r\nContent-Length: 24\r\n\r\n{\"token\":\"t\",\"key\":\"k\"}\n",
		"POST /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: a;b+c\r\nContent-Length: 16\r\n\r\n{\"instance\":\"x\"}",
		"GET /api/v1/users?after=a&limit=1 HTTP/1.1\r\nHost: [::1]:80\r\nOrigin: http://[::1]:80\r\nCookie: __Host-zeekfleet=x; a=b\r\n\r\n",
		"PUT /api/v1/users/%2e%2e%2f HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n\r\n",
		"GET /api/v1/configurations/deployed HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: *, W/\"x\"\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		authority := &office{}
		s := serve(t, web.Config{
			Cluster: someFleet(), Authority: authority, Audit: newBook(someRecords...), Limits: web.Limits{
				MaxWait: time.Millisecond, HeaderTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second, IdleTimeout: time.Second,
			},
			Logger: slog.New(slog.NewTextHandler(panics{t}, nil)),
		}, func(c *web.Connection) {
			c.Who = func(string) (mgmt.Principal, error) { return users["viewer"], nil }
		})
		c := s.dial()
		c.Write(request)
		c.(*net.TCPConn).CloseWrite()
		c.SetReadDeadline(time.Now().Add(patience.Limit))
		if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("no end of the answer to %q: %v", request, err)
		}
		authority.mu.Lock()
		defer authority.mu.Unlock()
		for i, who := range authority.by {
			if who.Role > mgmt.Viewer {
				t.Errorf("%T was asked by %+v", authority.asked[i], who)
			}
		}
	})
}
