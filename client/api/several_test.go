package api_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
)

// hub is a controller that counts its requests.
type hub struct {
	at    string
	asked atomic.Int32
}

func newHub(t *testing.T, handle http.HandlerFunc) *hub {
	h := &hub{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		w.Header().Set("Server", "zeekfleet")
		handle(w, r)
	}))
	t.Cleanup(server.Close)
	h.at = server.Listener.Addr().String()
	return h
}

// gone returns a controller at whose address nobody listens.
func gone(t *testing.T) *hub { return &hub{at: porttest.Nobody(t)} }

// leads answers as the controller that leads, and calls itself by its address.
func leads(w http.ResponseWriter, r *http.Request) {
	if r.Host != r.Context().Value(http.LocalAddrContextKey).(net.Addr).String() {
		w.WriteHeader(http.StatusForbidden)
	}
	fmt.Fprintf(w, `{"name":%q}`, r.Host)
}

// follows answers as one that knows of none that leads.
func follows(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(api.NoLeaderHeader, "yes")
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusServiceUnavailable)
	fmt.Fprint(w, `{"detail":"no controller leads"}`)
}

// breaks gets a request, and does not answer it.
func breaks(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

func ofAll(t *testing.T, first *hub, others ...*hub) *api.Client {
	t.Helper()
	cfg := api.Config{Address: first.at, LeaderWait: patience.Limit}
	for _, h := range others {
		cfg.Others = append(cfg.Others, h.at)
	}
	c, err := api.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestTheNextControllerIsAsked(t *testing.T) {
	dead, follower, leader := gone(t), newHub(t, follows), newHub(t, leads)
	c := ofAll(t, dead, follower, leader)
	for range 2 {
		who, err := c.WhoAmI(t.Context())
		if err != nil || who.Name != leader.at {
			t.Fatalf("got %v, %v", who, err)
		}
	}
	if _, err := c.CreateToken(t.Context(), api.TokenRequest{Instance: "sensor-1"}); err != nil {
		t.Error(err)
	}
	if got := follower.asked.Load(); got != 1 || leader.asked.Load() != 3 {
		t.Errorf("the one that follows was asked %d times, that which leads %d times", got, leader.asked.Load())
	}
	if c.Address() != leader.at {
		t.Errorf("the last answer came from %s", c.Address())
	}
}

// What may have been carried out is not asked for at another controller. A read is.
func TestChangesAreAskedForOnce(t *testing.T) {
	broken, other := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		io.ReadAll(r.Body)
		breaks(w, r)
	}), newHub(t, leads)
	c := ofAll(t, broken, other)
	if _, err := c.CreateToken(t.Context(), api.TokenRequest{}); err == nil || broken.asked.Load() != 1 || other.asked.Load() != 0 {
		t.Errorf("got %v after %d and %d requests", err, broken.asked.Load(), other.asked.Load())
	}
	if _, err := c.WhoAmI(t.Context()); err != nil || other.asked.Load() != 1 {
		t.Errorf("got %v after %d requests of the other one", err, other.asked.Load())
	}
}

// A controller that has not asked for the body of a change has not carried it out. What changes the
// same if it is asked for twice is asked for again.
func TestChangesThatDoNoHarmAreAskedForAgain(t *testing.T) {
	for name, change := range map[string]func(*api.Client) error{
		"a body that was not read": func(c *api.Client) error { return second(c.CreateToken(t.Context(), api.TokenRequest{})) },
		"a role":                   func(c *api.Client) error { return c.SetRole(t.Context(), "ann", "viewer") },
		"a plan":                   func(c *api.Client) error { return second(c.Plan(t.Context(), api.PlanRequest{Revision: 1})) },
		"a token":                  func(c *api.Client) error { return c.RevokeToken(t.Context(), "x") },
	} {
		broken, other := newHub(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != api.PathTokens {
				io.ReadAll(r.Body)
			}
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
		}), newHub(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodDelete { // the first one has done it
				w.WriteHeader(http.StatusNotFound)
			}
			fmt.Fprint(w, "{}")
		})
		if err := change(ofAll(t, broken, other)); err != nil || broken.asked.Load() != 1 || other.asked.Load() != 1 {
			t.Errorf("%s: got %v after %d and %d requests", name, err, broken.asked.Load(), other.asked.Load())
		}
	}
}

// While no controller leads, a client asks again, for a time.
func TestAClientWaitsForALeader(t *testing.T) {
	var asked atomic.Int32
	hub := newHub(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) < 3 {
			follows(w, r)
			return
		}
		io.Copy(w, r.Body)
	})
	if made, err := ofAll(t, hub).CreateToken(t.Context(), api.TokenRequest{Instance: "s"}); err != nil || asked.Load() != 3 {
		t.Errorf("got %v, %v after %d requests", made, err, asked.Load())
	}
}

func TestErrorsNameAllControllers(t *testing.T) {
	one, two := gone(t), gone(t)
	c := ofAll(t, one, two)
	_, err := c.WhoAmI(t.Context())
	if err == nil || !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), one.at) || !strings.Contains(err.Error(), two.at) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if all, ok := errors.AsType[*api.SeveralError](err); !ok || len(all.Addresses) != 2 {
		t.Errorf("got %v", err)
	}
	follower := newHub(t, follows)
	c, err = api.New(api.Config{Address: one.at, Others: []string{follower.at}, LeaderWait: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if p, ok := errors.AsType[*api.Problem](second(c.WhoAmI(t.Context()))); !ok || p.Detail != "no controller leads" {
		t.Errorf("got %v", p)
	}
}

func second[T any](_ T, err error) error { return err }

func TestStreamsGoToTheNextController(t *testing.T) {
	dead, leader := gone(t), newHub(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", api.ContentEventStream)
		fmt.Fprint(w, "id: 7\ndata: {\"kind\":\"node\"}\n\n")
	})
	for e, err := range ofAll(t, dead, leader).StreamEvents(t.Context(), api.EventQuery{}) {
		if err != nil || e.Seq != 7 {
			t.Errorf("got %v, %v", e, err)
		}
		break
	}
}

func TestSeveralAddressesAreChecked(t *testing.T) {
	for name, cfg := range map[string]api.Config{
		"a bad one":               {Address: "a", Others: []string{"b/c"}},
		"too many":                {Address: "a", Others: strings.Split("b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", ",")},
		"a token over plain text": {Address: "127.0.0.1", Others: []string{"192.0.2.1"}, Bearer: "x"},
	} {
		if _, err := api.New(cfg); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	c, err := api.New(api.Config{Address: "a", Others: []string{"a:2149", "b"}})
	if err != nil || c.Address() != "a:2149" {
		t.Errorf("got %v", err)
	}
}

// A controller whose connection takes too long does not hold the others up.
func TestSlowConnectionsAreLeft(t *testing.T) {
	leader := newHub(t, leads)
	c, err := api.New(api.Config{
		Address: "192.0.2.1", Others: []string{leader.at},
		Connect: func(ctx context.Context, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "192.0.2.1:") {
				return nil, errors.New("no route to host")
			}
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.WhoAmI(t.Context()); err != nil {
		t.Error(err)
	}
}

// A controller that takes a request and says nothing is asked whether it lives. One that was stopped or
// cut off does not answer that either: it is given up after 4 seconds.
func TestSilentControllersAreGivenUp(t *testing.T) {
	for name, lives := range map[string]bool{"it lives": true, "it is silent": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var serving sync.WaitGroup
				defer serving.Wait()
				c, err := api.New(api.Config{Address: "a", Connect: func(context.Context, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					serving.Go(func() { serveSlowly(theirs, lives) })
					return ours, nil
				}})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				began := time.Now()
				_, err = c.CreateToken(t.Context(), api.TokenRequest{Instance: "s"})
				_, silent := errors.AsType[*api.SilentError](err)
				if took := time.Since(began); lives && (err != nil || took != 10*time.Second) || !lives && (!silent || took != 4*time.Second) {
					t.Errorf("got %v after %v", err, took)
				}
			})
		})
	}
}

// serveSlowly is a controller that takes 10 seconds for a token. Whether it lives says it at once, or
// never.
func serveSlowly(conn net.Conn, lives bool) {
	defer conn.Close()
	br := bufio.NewReader(conn)
	req, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	body := "{}"
	switch {
	case req.URL.Path == api.PathLive && lives:
	case lives:
		io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
		io.Copy(io.Discard, req.Body)
		time.Sleep(10 * time.Second)
	default:
		io.Copy(io.Discard, br) // until the other side hangs up
		return
	}
	fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nServer: zeekfleet\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
}
