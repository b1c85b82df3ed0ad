//go:build !noetcd

package app_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// tokenFor makes the token with which another controller joins.
func (m *memberOf) tokenFor(name string) string {
	m.t.Helper()
	token, err := m.api.CreateToken(m.t.Context(), api.TokenRequest{Controller: name})
	if err != nil {
		m.t.Fatal(err)
	}
	return token.Text
}

// joins is what a controller asks that joins, with a port that nobody has.
func joins(t *testing.T, token, name, port string) api.ControllerJoin {
	_, key := asks(t)
	return api.ControllerJoin{
		Token: token, Name: name, Hosts: []string{"127.0.0.1"}, Peer: "https://127.0.0.1:" + port, PeerKey: key, Clients: []string{}, Agents: []string{},
	}
}

// A controller that cannot join keeps its token, so that its operator mends what is wrong and
// asks again.
func TestTokenOfAControllerOutlivesAMistake(t *testing.T) {
	ports := reserve(t)
	one := newMember(t, ports, 1)
	one.start()
	token := one.tokenFor("c-2")
	free, own := fmt.Sprint(ports.At(8)), fmt.Sprint(one.set.Cluster.Peer.Port)
	for _, c := range []struct {
		name   string
		change func(*api.ControllerJoin)
		status int
		says   string
	}{
		{"no key", func(j *api.ControllerJoin) { j.PeerKey = "x" }, http.StatusUnprocessableEntity, "key of the controller's store"},
		{"no port", func(j *api.ControllerJoin) { j.Peer = "https://127.0.0.1" }, http.StatusUnprocessableEntity, "URL of a controller's store"},
		{"empty port", func(j *api.ControllerJoin) { j.Peer = "https://127.0.0.1:" }, http.StatusUnprocessableEntity, "URL of a controller's store"},
		{"port 0", func(j *api.ControllerJoin) { j.Peer = "https://127.0.0.1:0" }, http.StatusUnprocessableEntity, "URL of a controller's store"},
		{"path", func(j *api.ControllerJoin) { j.Peer += "/" }, http.StatusUnprocessableEntity, "URL of a controller's store"},
		{"user", func(j *api.ControllerJoin) { j.Peer = "https://u:p@127.0.0.1:" + free }, http.StatusUnprocessableEntity, "URL of a controller's store"},
		{"query", func(j *api.ControllerJoin) { j.Peer += "?x=1" }, http.StatusUnprocessableEntity, "URL of a controller's store"},
		{"fragment", func(j *api.ControllerJoin) { j.Peer += "#x" }, http.StatusUnprocessableEntity, "URL of a controller's store"},
		{"plain", func(j *api.ControllerJoin) { j.Peer = "http://127.0.0.1:" + free }, http.StatusUnprocessableEntity, "URL of a controller's store"},
		{"the store of another one", func(j *api.ControllerJoin) { j.Peer = "https://127.0.0.1:" + own }, http.StatusConflict, "controller c-1 has its store at"},
	} {
		in := joins(t, token, "c-2", free)
		c.change(&in)
		_, err := one.api.JoinController(t.Context(), in)
		p, ok := errors.AsType[*api.Problem](err)
		if !ok || p.Status != c.status || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	if _, err := one.api.JoinController(t.Context(), joins(t, token, "c-2", free)); err != nil {
		t.Fatalf("the token does not work any more: %v", err)
	}

	third := one.tokenFor("c-3")
	for range 2 {
		_, err := one.api.JoinController(t.Context(), joins(t, third, "c-3", fmt.Sprint(ports.At(9))))
		p, ok := errors.AsType[*api.Problem](err)
		if !ok || p.Status != http.StatusConflict || !strings.Contains(p.Detail, "controller c-2 has joined and has no vote yet") {
			t.Errorf("while another one has no vote yet: got %v", err)
		}
	}
	if err := one.api.RemoveController(t.Context(), "c-2"); err != nil {
		t.Fatal(err)
	}
	if _, err := one.api.JoinController(t.Context(), joins(t, third, "c-3", fmt.Sprint(ports.At(9)))); err != nil {
		t.Errorf("after that one was removed: %v", err)
	}
}

// The store of a controller that has joined asks the other stores at once who they are.
func TestStoreOfWhoHasJoinedIsLetThrough(t *testing.T) {
	ports := reserve(t)
	one := newMember(t, ports, 1)
	one.start()
	for n := range 4 {
		name := fmt.Sprintf("c-%d", n+2)
		key, request := asks(t)
		in := joins(t, one.tokenFor(name), name, fmt.Sprint(ports.At(9)))
		in.PeerKey = request
		got, err := one.api.JoinController(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		chain, err := identity.ReadCerts([]byte(got.PeerCertificate))
		if err != nil {
			t.Fatal(err)
		}
		authorities, err := identity.ReadCerts([]byte(got.PeerAuthority))
		if err != nil {
			t.Fatal(err)
		}
		transport := &http.Transport{TLSClientConfig: &tls.Config{
			RootCAs: identity.Pool(authorities), Certificates: []tls.Certificate{{Certificate: [][]byte{chain[0].Raw}, PrivateKey: key}},
		}}
		response, err := (&http.Client{Transport: transport}).Get(fmt.Sprintf("https://127.0.0.1:%d/members", one.set.Cluster.Peer.Port))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		transport.CloseIdleConnections()
		if response.StatusCode != http.StatusOK {
			t.Errorf("%s: the store answers %s", name, response.Status)
		}
		if err := one.api.RemoveController(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

// Two controllers with one name and two tokens do not both become members.
func TestOneNameJoinsOnce(t *testing.T) {
	ports := reserve(t)
	one := newMember(t, ports, 1)
	one.start()
	ended := make(chan error, 2)
	asks := []api.ControllerJoin{
		joins(t, one.tokenFor("c-2"), "c-2", fmt.Sprint(ports.At(8))), joins(t, one.tokenFor("c-2"), "c-2", fmt.Sprint(ports.At(9))),
	}
	for _, in := range asks {
		go func() {
			_, err := one.api.JoinController(t.Context(), in)
			ended <- err
		}()
	}
	first, second := <-ended, <-ended
	if (first == nil) == (second == nil) {
		t.Errorf("got %v and %v", first, second)
	}
	list, err := one.api.Controllers(t.Context())
	if err != nil || len(list.Members) != 2 {
		t.Errorf("got %+v, %v", list, err)
	}
}

// A controller that was started too early has a cluster of its own. It is told what to do.
func TestWhoLeadsAClusterOfItsOwnDoesNotJoin(t *testing.T) {
	ports := reserve(t)
	one, two := newMember(t, ports, 1), newMember(t, ports, 2)
	one.start()
	two.start()
	two.end()
	err := app.JoinController(t.Context(), app.ControllerJoining{Settings: two.set, Addresses: []string{one.api.Address()}, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "the first one of a cluster of its own") || !strings.Contains(err.Error(), "move its directory away") {
		t.Errorf("got %v", err)
	}
}

// The other controllers do not find a store with another port.
func TestPortOfAStoreStays(t *testing.T) {
	ports := reserve(t)
	one := newMember(t, ports, 1)
	one.start()
	one.token("x")
	one.end()
	was := one.set.Cluster.Peer.Port
	one.set.Cluster.Peer.Port = ports.At(9)
	err := one.tryStart(app.Opening{})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("set %d again", was)) {
		t.Errorf("got %v", err)
	}
	one.set.Cluster.Peer.Port, one.set.Cluster.Advertise = was, "localhost"
	one.start()
	if got := one.tokens(); len(got) != 1 {
		t.Errorf("the controller has the tokens %q", got)
	}
}

// Who hands over ends the requests of its term, and answers this one.
func TestHandingOverIsAnswered(t *testing.T) {
	ports := reserve(t)
	one, two := newMember(t, ports, 1), newMember(t, ports, 2)
	one.start()
	two.join(one)
	two.start()
	for _, m := range []*memberOf{one, two} {
		m.await("both, with a vote and a session", func(list api.Controllers) bool {
			return slices.Equal(roles(list), []string{"leader", "follower"})
		})
	}
	leads, follows := one, two
	for round := range 4 {
		if err := leads.api.Lead(t.Context(), follows.set.Name); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		leads, follows = follows, leads
		for _, m := range []*memberOf{leads, follows} {
			m.await("another one that leads", func(list api.Controllers) bool { return list.Leader == leads.set.Name })
		}
	}
}
