package web_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

var update = flag.Bool("update", false, "rewrite the description of the API in testdata")

func TestDescription(t *testing.T) {
	s := serve(t, web.Config{Authority: &office{}, Audit: &book{}}, nil)
	answer, text := s.ask("GET", "/api/v1/openapi.yaml", "", "")
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("got %s: %s", answer.Status, text)
	}
	golden.Check(t, "testdata/openapi.yaml", text, *update)
}

// described is the part of the description that the tests read.
type described struct {
	Paths map[string]map[string]struct {
		ID   string `json:"operationId"`
		Role string `json:"x-role"`
	}
}

func description(t *testing.T, s *site) described {
	t.Helper()
	_, text := s.ask("GET", "/api/v1/openapi.json", "", "")
	var d described
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("read the description: %v", err)
	}
	return d
}

// bodies are requests that pass all checks but that of the role.
var bodies = map[string]string{
	"join":                `{"token":"t","key":"k"}`,
	"login":               `{"token":"t","key":"k"}`,
	"renew":               `{"key":"k"}`,
	"begin-session":       `{"token":"t"}`,
	"login-sso":           `{"id_token":"t","key":"k"}`,
	"create-token":        `{"instance":"sensor-1"}`,
	"create-own-token":    `{"name":"ci"}`,
	"add-user":            `{"name":"ann","role":"viewer"}`,
	"set-role":            `{"role":"viewer"}`,
	"sign-certificate":    `{"identity":"user/ann","key":"k"}`,
	"revoke-certificates": `{"identity":"user/ann"}`,
	"plan":                `{"configuration":{"id":"c","instances":[],"nodes":[]}}`,
	"preflight":           `{}`,
	"deploy":              `{"configuration":{"id":"c","instances":[],"nodes":[]}}`,
	"operate":             `{"kind":"restart"}`,
	"dispatch":            `{"action":"get_stats"}`,
	"exec":                `{"argv":["/bin/true"]}`,
	"acknowledge-alert":   `{"id":"node-crashed/a/w"}`,
	"make-silence":        `{"node":"w","seconds":60}`,
	"begin-push":          `{"name":"site","hash":"HASH","size":100}`,
	"push-part":           `some bytes`,
	"prune-bundles":       `{}`,
	"join-controller":     `{"token":"t","name":"hub-2","hosts":[],"clients":[],"agents":[]}`,
}

// rows names the row of the table of access that each operation has.
var rows = map[string]access.Row{
	"list-tokens":         access.RowOf(access.ListTokens{}),
	"create-token":        access.RowOf(access.CreateToken{}),
	"revoke-token":        access.RowOf(access.RevokeToken{}),
	"list-own-tokens":     access.RowOf(access.ListOwnTokens{}),
	"create-own-token":    access.RowOf(access.CreateOwnToken{}),
	"revoke-own-token":    access.RowOf(access.RevokeOwnToken{}),
	"list-users":          access.RowOf(access.ListUsers{}),
	"add-user":            access.RowOf(access.AddUser{}),
	"set-role":            access.RowOf(access.SetRole{}),
	"remove-user":         access.RowOf(access.RemoveUser{}),
	"list-certificates":   access.RowOf(access.ListCertificates{}),
	"sign-certificate":    access.RowOf(access.Sign{}),
	"revoke-certificate":  access.RowOf(access.RevokeCertificate{}),
	"revoke-certificates": access.RowOf(access.RevokeCertificate{}),
	"list-authorities":    access.RowOf(access.ListAuthorities{}),
	"rotate-authority":    access.RowOf(access.RotateAuthority{}),
	"read-audit":          access.ReadAudit,
	"join":                access.RowOf(access.Join{}),
	"login":               access.RowOf(access.Login{}),
	"begin-session":       access.RowOf(access.Login{}),
	"renew":               access.RowOf(access.Renew{}),
	"login-sso":           access.RowOf(access.LoginSSO{}),
	"list-instances":      named("get_instances"),
	"list-nodes":          named("get_nodes"),
	"list-crashes":        named("list crashes"),
	"get-crash":           named("read crash"),
	"list-hosts":          named("list hosts"),
	"get-hardware":        named("list hosts"),
	"get-diag":            named("read diag"),
	"exec":                named("exec"),
	"get-host-settings":   named("read settings of hosts"),
	"read-logs":           named("read logs"),
	"list-configurations": named("get_history"),
	"get-configuration":   named("get_configuration"),
	"plan":                named("plan"),
	"preflight":           named("plan"),
	"deploy":              named("change"),
	"operate":             named("operate"),
	"dispatch":            named("dispatch"),
	"list-revisions":      named("get_history"),
	"get-revision":        named("get_configuration"),
	"list-operations":     named("get_history"),
	"get-operation":       named("get_history"),
	"status":              named("get_nodes"),
	"list-events":         named("get_nodes"),
	"stream-events":       named("get_nodes"),
	"list-samples":        named("get_nodes"),
	"get-sample-history":  named("get_nodes"),
	"list-alerts":         access.RowOfAlerts(access.ListAlerts{}),
	"acknowledge-alert":   access.RowOfAlerts(access.AcknowledgeAlert{}),
	"list-receivers":      access.RowOfAlerts(access.ListAlerts{}),
	"test-receiver":       access.RowOfAlerts(access.TestReceiver{}),
	"list-silences":       access.RowOfAlerts(access.ListAlerts{}),
	"make-silence":        access.RowOfAlerts(access.MakeSilence{}),
	"end-silence":         access.RowOfAlerts(access.EndSilence{}),
	"list-bundles":        access.ListBundles,
	"get-bundle":          access.ListBundles,
	"pull-bundle":         access.PullBundle,
	"begin-push":          access.PushBundle,
	"push-part":           access.PushBundle,
	"remove-bundle":       access.RemoveBundle,
	"prune-bundles":       access.PruneBundles,
	"list-controllers":    access.ListControllers,
	"join-controller":     access.RowOf(access.JoinController{}),
	"remove-controller":   access.RemoveController,
	"lead-controller":     access.LeadController,
	"backup":              access.Backup,
	// Every user may do these, and they ask for nothing that the table has.
	"get-root":    {Name: "look", May: mgmt.Viewer},
	"who-am-i":    {Name: "look", May: mgmt.Viewer},
	"end-session": {Name: "look", May: mgmt.Viewer},
	// Anybody may do these.
	"metrics":           named("read metrics"),
	"agent-metrics":     named("read metrics"),
	"node-metrics":      named("read metrics"),
	"service-discovery": named("read metrics"),
	"health":            {},
	"ready":             {},
	"live":              {},
	"pulse":             {},
	"single-sign-on":    {},
}

func named(name string) access.Row {
	for _, row := range access.Table() {
		if row.Name == name {
			return row
		}
	}
	panic("no row is named " + name)
}

// Every path, by everybody: nobody does what the table of access does not let them do.
func TestRoles(t *testing.T) {
	authority := &office{roles: map[string]mgmt.UserRole{"ann": mgmt.Viewer}}
	cluster := &fleet{
		snap: mgmt.Snapshot{
			Instances: []*mgmt.ObservedInstance{{Name: "a", Standing: mgmt.Absent}},
			Deployed:  &mgmt.ConfigRevision{Revision: 5, Config: mgmt.Configuration{Instances: []mgmt.Instance{{Name: "a"}}}}, Operations: []*mgmt.Operation{{ID: 7, State: mgmt.OperationDone}},
		},
		answers: usually,
	}
	cfg := web.Config{
		Authority: authority, Audit: &book{}, Limits: web.Limits{AttemptsBurst: 1000, AllAttemptsBurst: 1000},
		Cluster: cluster, Happenings: endedLog(t), Alerts: &watch{}, Agents: &agents{tell: tellsAll, hosts: []mgmt.HostReport{{Instance: "a", Present: true}}}, Samples: samples.New(samples.Config{}),
		Metrics: func(context.Context) ([]byte, error) { return []byte("up 1\n"), nil },
	}
	kept := keeper{newShelf(t)}
	hash := kept.put(t, "site", map[string]string{"a.zeek": "x"})
	hubs := &hubs{}
	cfg.Bundles, cfg.Controllers, cfg.Backup = kept, hubs, hubs.Backup
	s := serve(t, cfg, func(c *web.Connection) { c.Own = true })
	operations := 0
	for path, methods := range description(t, s).Paths {
		for method, op := range methods {
			operations++
			row, ok := rows[op.ID]
			if !ok {
				t.Errorf("the table of this test lacks %s", op.ID)
				continue
			}
			if want := map[bool]string{true: row.May.String()}[row.May > mgmt.NoUser]; op.Role != want {
				t.Errorf("%s: the description says %q, and the table of access %q", op.ID, op.Role, want)
			}
			path := strings.NewReplacer("nodes/{instance}/{node}", "nodes/a/w", "{node}/logs", "w/logs?instance=a", "{node}/diag", "w/diag?instance=a", "{instance}", "a", "{state}", "deployed", "{name}", "ann", "{id}", "abc", "{serial}", "1f", "{revision}", "5", "samples/history", "samples/history?instance=a", "{hash}", hash).Replace(path)
			switch op.ID {
			case "get-operation":
				path = api.PathOperations + "/7"
			case "preflight":
				path = api.PathInstances + "/a/preflight"
			case "end-silence":
				path = api.PathSilences + "/7"
			}
			for role, bearer := range map[mgmt.UserRole]string{mgmt.NoUser: "", mgmt.Viewer: "viewer", mgmt.Operator: "operator", mgmt.Admin: "admin"} {
				before := len(authority.requests()) + len(cluster.requests())
				answer, body := s.ask(strings.ToUpper(method), path, bearer, strings.ReplaceAll(bodies[op.ID], "HASH", hash), "Upload-Offset: 0")
				done := len(authority.requests())+len(cluster.requests()) > before
				if err := judge(op.ID, role, row, answer.StatusCode); err != nil {
					t.Errorf("%s by %s: %v: %s", op.ID, role, err, body)
				}
				if done && role < row.May {
					t.Errorf("%s by %s was carried out", op.ID, role)
				}
			}
		}
	}
	if operations != len(rows) {
		t.Errorf("the description has %d operations, and the table of this test %d", operations, len(rows))
	}
}

// judge returns an error unless a status is right.
func judge(id string, role mgmt.UserRole, row access.Row, status int) error {
	switch want := 2; {
	case role == mgmt.NoUser && row.May > mgmt.NoUser:
		if status != http.StatusUnauthorized {
			return fmt.Errorf("got %d, want 401", status)
		}
	case role < row.May:
		if status != http.StatusForbidden {
			return fmt.Errorf("got %d, want 403", status)
		}
	case id == "renew" && status == http.StatusUnauthorized: // no certificate is shown here
	case (id == "login-sso" || id == "single-sign-on") && status == http.StatusNotFound: // no provider
	case id == "create-own-token" && status == http.StatusForbidden: // the test shows API tokens
	case id == "end-session" && status == http.StatusUnprocessableEntity: // no session
	case status/100 != want:
		return fmt.Errorf("got %d, want a success", status)
	}
	return nil
}

// What the table of access has, the API has as well, or it is named here.
func TestEveryRowHasAnOperation(t *testing.T) {
	elsewhere := []string{
		// The WebSocket API has these.
		"stage_configuration", "deploy", "get_id_value", "restart", "test_timeout",
		// An operation with two rows.
		access.RowOf(access.CreateAPIToken{}).Name,
	}
	var have []string
	for _, row := range rows {
		have = append(have, row.Name)
	}
	for _, row := range access.Table() {
		if !slices.Contains(have, row.Name) && !slices.Contains(elsewhere, row.Name) {
			t.Errorf("no operation does %q", row.Name)
		}
	}
}

func TestAPITokensNeedTheRoleOfTheirRow(t *testing.T) {
	authority := &office{}
	s := serve(t, web.Config{Authority: authority}, nil)
	answer, body := s.ask("POST", "/api/v1/tokens", "operator", `{"user":"ann","name":"ci"}`)
	want := access.Denied(users["operator"], access.RowOf(access.CreateAPIToken{}).Name, mgmt.Admin)
	if answer.StatusCode != http.StatusForbidden || !strings.Contains(body, strings.ReplaceAll(want, `"`, `\"`)) {
		t.Errorf("got %s %s, want %s", answer.Status, body, want)
	}
	answer, _ = s.ask("POST", "/api/v1/tokens", "admin", `{"user":"ann","name":"ci","ttl_seconds":60}`)
	if answer.StatusCode != http.StatusCreated {
		t.Errorf("got %s", answer.Status)
	}
}
