package app_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// apiServer answers requests to join, as a controller does.
type apiServer struct {
	cluster       string
	agents, nodes identity.Authority
	ahead         time.Duration // of the server's clock, when it signs for agents
	refuses       string
	controllers   []string
	asked         []api.JoinRequest
	address       string
	token         string
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{cluster: identity.NewCluster()}
	var err1, err2 error
	s.agents, err1 = identity.NewAuthority("agents", time.Now(), identity.AuthorityLife)
	s.nodes, err2 = identity.NewAuthority("nodes", time.Now(), identity.AuthorityLife)
	key, err3 := identity.NewKey()
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	own, err := s.agents.Issue(identity.Leaf{
		Cluster: s.cluster, Identity: identity.Identity{Kind: identity.Controller, Name: "c"}, Key: key.Public(), Life: time.Hour,
	}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(s)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{own.Raw, s.agents.Cert.Raw}, PrivateKey: key}}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	s.address = server.Listener.Addr().String()
	s.token = identity.NewToken(identity.KeyHash(s.agents.Cert)).String()
	return s
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked api.JoinRequest
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || r.URL.Path != api.PathJoin {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	s.asked = append(s.asked, asked)
	if s.refuses != "" {
		w.WriteHeader(http.StatusUnauthorized)
		json.NewEncoder(w).Encode(api.Problem{Title: "Unauthorized", Status: http.StatusUnauthorized, Detail: s.refuses})
		return
	}
	json.NewEncoder(w).Encode(api.Joined{
		Cluster: s.cluster, Instance: "sensor-1", BrokerPort: 2250, Controllers: s.controllers,
		Certificate: s.sign(s.agents, identity.Agent, asked.Key), Authorities: string(identity.CertPEM(s.agents.Cert)),
		NodeCertificate: s.sign(s.nodes, identity.Node, asked.NodeKey), NodeAuthorities: string(identity.CertPEM(s.nodes.Cert)),
	})
}

func (s *apiServer) sign(by identity.Authority, kind identity.Kind, request string) string {
	key, err := identity.ReadRequest([]byte(request))
	if err != nil {
		return err.Error()
	}
	cert, err := by.Issue(identity.Leaf{
		Cluster: s.cluster, Identity: identity.Identity{Kind: kind, Name: "sensor-1"}, Key: key, Life: time.Hour,
	}, time.Now().Add(s.ahead))
	if err != nil {
		return err.Error()
	}
	return string(identity.CertPEM(cert))
}

// joining joins with these changes, and returns what was logged.
func (s *apiServer) joining(t *testing.T, stateDir string, change func(*app.Joining)) (log string, err error) {
	t.Helper()
	var text bytes.Buffer
	j := app.Joining{StateDir: stateDir, Address: s.address, Token: s.token, Logger: slog.New(slog.NewTextHandler(&text, nil))}
	if change != nil {
		change(&j)
	}
	err = app.Join(t.Context(), j)
	if words := strings.Split(j.Token, "-"); len(words) == 4 && strings.Contains(text.String(), words[3]) {
		t.Error("the log has the token")
	}
	return text.String(), err
}

func TestAgentJoins(t *testing.T) {
	s, dir := newAPIServer(t), t.TempDir()
	log, err := s.joining(t, dir, func(j *app.Joining) { j.Name = "sensor-1" })
	if err != nil || !strings.Contains(log, "this agent has joined") {
		t.Fatalf("%v, logged %q", err, log)
	}
	if got := s.asked[0]; got.Token != s.token || got.Instance != "sensor-1" || got.Replace || got.NodeKey == "" {
		t.Errorf("the controller was asked %+v", got)
	}
	set, err := app.Joined(dir)
	if err != nil || set.Name != "sensor-1" || set.ControllerHost != "127.0.0.1" || set.ControllerPort != 2250 {
		t.Errorf("got %+v, %v", set, err)
	}
}

func TestFailedJoiningLeavesNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		server func(*apiServer)
		change func(*app.Joining)
		want   string
	}{
		"no token":        {nil, func(j *app.Joining) { j.Token = "" }, "joining takes a token"},
		"no token's form": {nil, func(j *app.Joining) { j.Token = "zf1-secret" }, "join: this is not a token"},
		"no host":         {nil, func(j *app.Joining) { j.Address = "https://x" }, "is not the address of a controller"},
		"the token of another cluster": {
			nil, func(j *app.Joining) { j.Token = identity.NewToken(strings.Repeat("a", 32)).String() }, "is not the one that made this token",
		},
		"a token that was used": {
			func(s *apiServer) { s.refuses = "the token abc was used already" }, nil, "join: the token abc was used already",
		},
		"a controller that is not reached": {nil, func(j *app.Joining) { j.Address = "127.0.0.1:1" }, "connection refused"},
		"a clock that is wrong": {
			func(s *apiServer) { s.ahead = 3 * time.Hour }, nil, "one of the two clocks is wrong by 2h55m",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newAPIServer(t), t.TempDir()
			if tt.server != nil {
				tt.server(s)
			}
			_, err := s.joining(t, dir, tt.change)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one line with %q", err, tt.want)
			}
			if entries, err := os.ReadDir(dir); len(entries) > 0 || err != nil {
				t.Errorf("there is %v, %v", entries, err)
			}
		})
	}
}

func TestAgentThatHasJoinedStaysWhatItIs(t *testing.T) {
	s, dir := newAPIServer(t), t.TempDir()
	if _, err := s.joining(t, dir, nil); err != nil {
		t.Fatal(err)
	}
	first, err := joined.DirIn(dir).Load()
	if err != nil {
		t.Fatal(err)
	}
	same := func(controller string) {
		t.Helper()
		now, err := joined.DirIn(dir).Load()
		if err != nil || string(now.Certificate) != string(first.Certificate) || now.Controller != controller {
			t.Errorf("%v, the controller is at %s, want the same certificate and %s", err, now.Controller, controller)
		}
	}
	log, err := s.joining(t, dir, nil)
	if err != nil || !strings.Contains(log, "has joined already") || len(s.asked) != 1 {
		t.Errorf("%v, logged %q, the controller was asked %d times", err, log, len(s.asked))
	}
	same("127.0.0.1:2250")
	log, err = s.joining(t, dir, func(j *app.Joining) { j.Token, j.Address = "", "192.0.2.7" })
	if err != nil || !strings.Contains(log, "the address of the controller is another now") {
		t.Errorf("%v, logged %q", err, log)
	}
	same("192.0.2.7:2250")
	other := newAPIServer(t)
	if _, err := other.joining(t, dir, nil); err == nil || !strings.Contains(err.Error(), "the token is of another cluster: --replace") {
		t.Errorf("got %v", err)
	}
	same("192.0.2.7:2250")
	other.refuses = "no"
	if _, err := other.joining(t, dir, func(j *app.Joining) { j.Replace = true }); err == nil {
		t.Error("it has joined")
	}
	same("192.0.2.7:2250")
	other.refuses = ""
	if _, err := other.joining(t, dir, func(j *app.Joining) { j.Replace = true }); err != nil {
		t.Fatal(err)
	}
	if now, err := joined.DirIn(dir).Load(); err != nil || now.Cluster != other.cluster || !other.asked[1].Replace {
		t.Errorf("got %v", err)
	}
}

func TestDamagedCredentialsAreReplacedOnRequest(t *testing.T) {
	s, dir := newAPIServer(t), t.TempDir()
	if _, err := s.joining(t, dir, nil); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(joined.DirIn(dir).File(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("half")
	if _, err := s.joining(t, dir, nil); err == nil || !strings.Contains(err.Error(), "--replace joins anew") {
		t.Errorf("got %v", err)
	}
	newer, err := os.ReadFile("../joined/testdata/form9.json")
	if err != nil {
		t.Fatal(err)
	}
	write(string(newer))
	if _, err := s.joining(t, dir, func(j *app.Joining) { j.Replace = true }); err == nil || !strings.Contains(err.Error(), "written by a newer zeekfleet") {
		t.Errorf("got %v", err)
	}
	write("half")
	if _, err := s.joining(t, dir, func(j *app.Joining) { j.Replace = true }); err != nil {
		t.Error(err)
	}
}

func TestNodesOfAnAgentThatHasJoinedGetTheirCertificate(t *testing.T) {
	s, dir := newAPIServer(t), t.TempDir()
	if _, err := s.joining(t, dir, nil); err != nil {
		t.Fatal(err)
	}
	program := launchtest.InstallZeek(t)
	var nodes string
	a, err := openAgent(t, func(a *settings.Agent) {
		a.Joined, a.Zeek.Kind, a.Zeek.Path = string(joined.DirIn(dir)), settings.NodeZeek, program
		nodes = a.Directory
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Launch.Launch(launchtest.WorkerPlan(mgmt.Node{}), 1); err != nil {
		t.Fatal(err)
	}
	generated := generatedText(t, nodes)
	for _, name := range []string{joined.NodeCertificateFile, joined.NodeKeyFile, joined.NodeAuthoritiesFile} {
		if !strings.Contains(generated, joined.DirIn(dir).Path(name)) {
			t.Errorf("the node is not told of %s", name)
		}
	}
	if strings.Contains(generated, joined.AgentKeyFile) || strings.Contains(generated, "disable_ssl") {
		t.Error("the node is told of the agent's key, or to do without TLS on loopback addresses")
	}
	if identity, err := a.Bus.TLS.Certificate(); err != nil || identity.Leaf == nil {
		t.Errorf("the agent shows no certificate: %v", err)
	}
}

// Embedded nodes get the certificate of nodes for their listeners. With broker_tls off,
// nodes get none of the cluster's.
func TestWhichNodesOfAnAgentThatHasJoinedGetTheirCertificate(t *testing.T) {
	s, dir := newAPIServer(t), t.TempDir()
	if _, err := s.joining(t, dir, nil); err != nil {
		t.Fatal(err)
	}
	program := launchtest.InstallZeek(t)
	for _, kind := range []settings.NodeKind{settings.NodeZeek, settings.NodeEmbedded} {
		for _, mode := range []string{settings.Auto, settings.Off} {
			var nodes string
			a, err := openAgent(t, func(a *settings.Agent) {
				a.Joined, a.Zeek.Kind, a.Zeek.Path, a.Zeek.BrokerTLS = string(joined.DirIn(dir)), kind, program, mode
				nodes = a.Directory
			})
			if err != nil {
				t.Fatal(err)
			}
			p, err := a.Launch.Launch(launchtest.WorkerPlan(mgmt.Node{}), 1)
			if err != nil {
				t.Fatal(err)
			}
			said := strings.Join(p.Spec.Argv, " ") + generatedText(t, nodes)
			if told := strings.Contains(said, joined.DirIn(dir).Path(joined.NodeKeyFile)); told != (mode == settings.Auto) {
				t.Errorf("%s, %s: told of the nodes' key: %t", kind, mode, told)
			}
			if a.BrokerAccepts.Certificate != nil {
				t.Errorf("%s, %s: the agent shows another certificate than its own", kind, mode)
			}
		}
	}
}

func TestAgentWithoutCertificateShowsItsZeekNodesTheirs(t *testing.T) {
	program := launchtest.InstallZeek(t)
	for _, transport := range []settings.Transport{settings.TransportAuto, settings.TransportPlain} {
		a, err := openAgent(t, func(a *settings.Agent) {
			a.Zeek.Kind, a.Zeek.Path, a.Zeek.Transport, a.Transport = settings.NodeZeek, program, "broker", transport
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.Launch.Launch(launchtest.WorkerPlan(mgmt.Node{}), 1)
		if err != nil {
			t.Fatal(err)
		}
		shows := a.BrokerAccepts.Certificate != nil && a.BrokerAccepts.Certificate() != nil
		if want := transport == settings.TransportAuto; shows != want || (p.Facts.Exposed() == "") != want {
			t.Errorf("%s: shows %t, exposed %q", transport, shows, p.Facts.Exposed())
		}
	}
}

func TestAgentJoinsThroughTheFirstControllerThatAnswers(t *testing.T) {
	s := newAPIServer(t)
	gone := porttest.Nobody(t)
	for name, tt := range map[string]struct {
		answer, want []string
		address      string
	}{
		"that one knows the others":  {[]string{"10.0.0.1:2150", "10.0.0.2:2150"}, []string{"10.0.0.1:2150", "10.0.0.2:2150"}, gone + ", " + s.address},
		"they are those of the line": {nil, []string{"192.0.2.1:2250", "127.0.0.1:2250"}, s.address + ",192.0.2.1"},
		"there is one controller":    {nil, nil, s.address},
	} {
		t.Run(name, func(t *testing.T) {
			s.controllers = tt.answer
			dir := t.TempDir()
			if log, err := s.joining(t, dir, func(j *app.Joining) { j.Address = tt.address }); err != nil {
				t.Fatalf("%v, %s", err, log)
			}
			held, err := joined.DirIn(dir).Load()
			if err != nil {
				t.Fatal(err)
			}
			got, err := joined.DirIn(dir).Controllers(held.Cluster).Load()
			slices.Sort(got)
			slices.Sort(tt.want)
			if err != nil || held.Controller != "127.0.0.1:2250" || !slices.Equal(got, tt.want) {
				t.Errorf("it dials %s and %q, want %q; %v", held.Controller, got, tt.want, err)
			}
		})
	}
	if _, err := s.joining(t, t.TempDir(), func(j *app.Joining) { j.Address = gone + "," + gone }); err == nil || !strings.Contains(err.Error(), gone+": ") {
		t.Errorf("nobody answers: %v", err)
	}
	s.refuses = "the token was used"
	before := len(s.asked)
	if _, err := s.joining(t, t.TempDir(), func(j *app.Joining) { j.Address = s.address + "," + s.address }); err == nil || len(s.asked) != before+1 {
		t.Errorf("a refusal counts for all controllers: %v, asked %d times", err, len(s.asked)-before)
	}
}
