package cli_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
)

// threeControllers are the controllers of a cluster, of which one is away.
func threeControllers() *api.Controllers {
	member := func(name, role, address string) api.ControllerMember {
		return api.ControllerMember{
			Name: name, Role: role, Version: "1.2.3", Clients: []string{address + ":2149"}, Agents: []string{address + ":2150"},
			Bytes: 20 << 20, Used: 11 << 20, Quota: 4 << 30,
		}
	}
	list := &api.Controllers{Term: 4, Leader: "hub-1", Self: "hub-2", Members: []api.ControllerMember{
		member("hub-1", api.ControllerLeads, "192.0.2.1"), member("hub-2", api.ControllerFollows, "192.0.2.2"), member("hub-3", api.ControllerAway, "192.0.2.3"),
	}}
	list.Members[1].Lag, list.Members[1].Alarms = 12345, []string{"NOSPACE: the database has reached its bound"}
	list.Members[2].Bytes, list.Members[2].Quota, list.Members[2].Err = 0, 0, "it has not answered for 40 s"
	return list
}

func controllerPages() map[string]fleetPage {
	list := func(l api.Controllers) fleetPage {
		return fleetPage{map[string]any{"GET /api/v1/controllers": l}, func(t *testing.T, f cli.Fleet) int {
			return cli.Controlling{Fleet: f}.Controllers(t.Context(), false)
		}}
	}
	one := api.Controllers{Leader: "hub", Self: "hub", Members: []api.ControllerMember{{Name: "hub", Role: api.ControllerLeads, Version: "1.2.3", Clients: []string{"hub:2149"}}}}
	none := *threeControllers()
	none.Leader, none.Members = "", slices.Clone(none.Members)
	none.Members[0].Role = api.ControllerFollows
	site := *threeControllers()
	site.External, site.Store = true, slices.Clone(site.Members[:2])
	site.Store[0].Name, site.Store[1].Name = "etcd-a", "etcd-b"
	site.Store[0].Clients, site.Store[1].Clients = nil, nil
	for i := range site.Members {
		site.Members[i].Quota, site.Members[i].Lag, site.Members[i].Alarms = 0, 0, nil
	}
	lead := func(name string) func(*testing.T, cli.Fleet) int {
		return func(t *testing.T, f cli.Fleet) int { return cli.Controlling{Fleet: f}.Lead(t.Context(), name) }
	}
	return map[string]fleetPage{
		"controllers": list(*threeControllers()), "controllers-one": list(one), "controllers-none": list(none), "controllers-site": list(site),
		"controller-lead-already": {map[string]any{"GET /api/v1/controllers": threeControllers()}, lead("hub-1")},
		"controller-remove": {map[string]any{"GET /api/v1/controllers": threeControllers(), "DELETE /api/v1/controllers/hub-3": noAnswer}, func(t *testing.T, f cli.Fleet) int {
			return cli.Controlling{Fleet: f}.Remove(t.Context(), "hub-3")
		}},
		"controller-remove-refused": {map[string]any{"GET /api/v1/controllers": threeControllers(), "DELETE /api/v1/controllers/hub-3": refusal}, func(t *testing.T, f cli.Fleet) int {
			return cli.Controlling{Fleet: f}.Remove(t.Context(), "hub-3")
		}},
	}
}

// A controller that hands over may be followed by another one than that which is to lead. The
// command asks that one then.
func TestLeadOfAController(t *testing.T) {
	lead := func(name string) func(context.Context, cli.Controlling) int {
		return func(ctx context.Context, c cli.Controlling) int { return c.Lead(ctx, name) }
	}
	for name, row := range map[string]struct {
		run     func(context.Context, cli.Controlling) int
		leaders []string // each hands over to the next
		says    string
		status  int
	}{
		"at once":          {lead("hub-2"), []string{"hub-1", "hub-2"}, "controller hub-2 leads now", cli.StatusDone},
		"the second time":  {lead("hub-2"), []string{"hub-1", "hub-3", "hub-2"}, "controller hub-2 leads now", cli.StatusDone},
		"never":            {lead("hub-2"), []string{"hub-1", "hub-3", "hub-1"}, "controller hub-2 does not take the lead, and hub-1 leads", cli.StatusFailed},
		"any":              {lead(""), []string{"hub-1", "hub-3"}, "controller hub-3 leads now", cli.StatusDone},
		"one that removes": {func(ctx context.Context, c cli.Controlling) int { return c.Remove(ctx, "hub-1") }, []string{"hub-1", "hub-3"}, "controller hub-1 is removed", cli.StatusDone},
	} {
		t.Run(name, func(t *testing.T) {
			at := 0
			hand := func([]byte) any { at++; return noAnswer }
			f := &fakeController{answers: map[string]any{
				"GET /api/v1/controllers": func([]byte) any {
					list := *threeControllers()
					list.Leader = row.leaders[at]
					return list
				},
				"POST /api/v1/controllers/hub-2/lead": hand, "POST /api/v1/controllers/*/lead": hand, "DELETE /api/v1/controllers/hub-1": noAnswer,
			}}
			f.start(t, nil)
			a, _, stderr := admin(t, f.address)
			status := row.run(t.Context(), cli.Controlling{Fleet: cli.Fleet{Commands: a.Commands}})
			if status != row.status || !strings.Contains(stderr.String(), row.says) || at != len(row.leaders)-1 {
				t.Errorf("status %d after %d hand-overs: %s", status, at, stderr)
			}
		})
	}
}

func TestAddressesOfSeveralControllers(t *testing.T) {
	for name, tt := range map[string]struct {
		given string
		host  string
		port  int
		want  []string
		err   string
	}{
		"one":               {"h:5", "h", 5, nil, ""},
		"three":             {"h,[2001:db8::1]:5,k:6", "h", 2149, []string{"[2001:db8::1]:5", "k:6"}, ""},
		"without a port":    {"h:5,k", "h", 5, []string{"k:2149"}, ""},
		"without the first": {":5,k", "127.0.0.1", 5, []string{"k:2149"}, ""},
		"twice":             {"h,k,k:2149", "h", 2149, []string{"k:2149"}, ""},
		"an empty one":      {"h,,k", "", 0, nil, `--controller: "" is not the address of a controller`},
		"too many":          {"h" + strings.Repeat(",a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", 1), "", 0, nil, "at most 16"},
	} {
		got, _, err := cli.ResolveSettings(cli.SettingsSources{LookupEnv: func(string) (string, bool) { return "", false }, Controller: tt.given})
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %v", name, err)
			}
			continue
		}
		if err != nil || got.Host != tt.host || got.Port != tt.port || !slices.Equal(got.Others, tt.want) {
			t.Errorf("%s: got %s, %d, %q, %v", name, got.Host, got.Port, got.Others, err)
		}
	}
}

func TestCommandsAskTheNextController(t *testing.T) {
	f := &fakeController{answers: map[string]any{"GET /api/v1/whoami": api.Principal{Name: "ann", Role: "viewer"}}}
	f.start(t, nil)
	dead := porttest.Nobody(t)
	a, stdout, stderr := admin(t, dead+","+f.address)
	if status := a.WhoAmI(t.Context()); status != cli.StatusDone || !strings.Contains(stdout.String(), "ann") {
		t.Errorf("status %d, %s%s", status, stdout, stderr)
	}
	other := porttest.Nobody(t)
	a, _, stderr = admin(t, dead+","+other)
	if status := a.WhoAmI(t.Context()); status != cli.StatusFailed || !strings.Contains(stderr.String(), dead) || !strings.Contains(stderr.String(), other) {
		t.Errorf("status %d, %s", status, stderr)
	}
}

// A context remembers which controller has answered, and learns of new ones.
func TestContextsFollowTheControllers(t *testing.T) {
	s := newSite(t)
	f := &fakeController{answers: map[string]any{"GET /api/v1/whoami": api.Principal{Name: "ann", Role: "viewer"}, "GET /api/v1/controllers": *threeControllers()}}
	f.start(t, s.serverTLS(t, theController))
	contexts := cli.ContextsIn(t.TempDir())
	dead := porttest.Nobody(t)
	s.addContext(t, contexts, "fleet", dead, time.Now(), time.Hour)
	must(t, contexts.SetControllers("fleet", dead, []string{f.address}))
	use := func() cli.Admin {
		a, _, _ := admin(t, f.address)
		var err error
		a.Settings, _, err = cli.ResolveSettings(cli.SettingsSources{LookupEnv: func(string) (string, bool) { return "", false }, Contexts: contexts})
		must(t, err)
		return a
	}
	check := func(want ...string) {
		t.Helper()
		found, err := contexts.Find("fleet")
		must(t, err)
		if diff := cmp.Diff(want, append([]string{found.Controller}, found.Others...)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if status := use().WhoAmI(t.Context()); status != cli.StatusDone {
		t.Fatalf("status %d", status)
	}
	check(f.address, dead)
	if status := (cli.Controlling{Fleet: cli.Fleet{Commands: use().Commands}}).Controllers(t.Context(), false); status != cli.StatusDone {
		t.Fatalf("status %d", status)
	}
	check(f.address, "192.0.2.1:2149", "192.0.2.2:2149", "192.0.2.3:2149")
	f.answers["GET /api/v1/controllers"] = api.Controllers{Leader: "hub-1", Members: []api.ControllerMember{{Name: "hub-1", Clients: []string{"192.0.2.1:2149"}}}}
	if status := (cli.Controlling{Fleet: cli.Fleet{Commands: use().Commands}}).Controllers(t.Context(), false); status != cli.StatusDone {
		t.Fatalf("status %d", status)
	}
	check(f.address, "192.0.2.1:2149")
}

// A login at one of several controllers makes a context of all.
func TestLoginAtSeveralControllers(t *testing.T) {
	s := newSite(t)
	f := &fakeController{answers: map[string]any{"POST /api/v1/login": s.logsIn(t, ann), "GET /api/v1/controllers": *threeControllers()}}
	f.start(t, s.serverTLS(t, theController))
	contexts := cli.ContextsIn(t.TempDir())
	l := cli.Login{Contexts: contexts, Log: &cli.Log{Out: t.Output()}, Address: porttest.Nobody(t) + "," + f.address, Token: identity.NewToken(identity.KeyHash(s.authority.Cert)), Name: "fleet"}
	must(t, l.Run(t.Context()))
	found, err := contexts.Find("fleet")
	must(t, err)
	if found.Controller != f.address || !slices.Equal(found.Others, []string{"192.0.2.1:2149", "192.0.2.2:2149", "192.0.2.3:2149"}) {
		t.Errorf("got %+v", found)
	}
}
