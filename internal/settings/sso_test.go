package settings_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func resolveSSO(t *testing.T, given given) (settings.SSO, []settings.Entry, error) {
	t.Helper()
	c, entries, err := settings.ResolveController(sources(t, given, app.Defaults().AddControllerFlags))
	return c.SSO, entries, err
}

func TestSingleSignOnOfAFile(t *testing.T) {
	got, entries, err := resolveSSO(t, given{file: `
controller:
  sso:
    issuer: https://id.example.com/realms/soc
    client_id: fleet
    cli_client_id: fleet-cli
    client_secret_file: /etc/zeekfleet/secret
    roles:
      - Fleet Admins=admin
      - "CN=soc,DC=example=operator"
      - "*=viewer"
    groups_claim: realm_access.roles
    name_claim: email
    subject_claim: oid
    scopes: [openid, groups]
    redirect_url: https://fleet.example.com:2149/api/v1/sso/callback
    ca_file: /etc/zeekfleet/ca.pem
    login_life: 1h
`})
	want := settings.SSO{
		Issuer:       "https://id.example.com/realms/soc",
		ClientID:     "fleet",
		CLIClientID:  "fleet-cli",
		SecretFile:   "/etc/zeekfleet/secret",
		RedirectURL:  "https://fleet.example.com:2149/api/v1/sso/callback",
		CAFile:       "/etc/zeekfleet/ca.pem",
		GroupsClaim:  "realm_access.roles",
		NameClaim:    "email",
		SubjectClaim: "oid",
		Scopes:       []string{"openid", "groups"},
		Roles: []access.GroupRole{
			{Group: "Fleet Admins", Role: mgmt.Admin}, {Group: "CN=soc,DC=example", Role: mgmt.Operator}, {Group: "*", Role: mgmt.Viewer},
		},
		Life: time.Hour,
	}
	if diff := gocmp.Diff(want, got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	i := slices.IndexFunc(entries, func(e settings.Entry) bool { return e.Key == "controller.sso.roles" })
	if shown := entries[i]; shown.Value != `"Fleet Admins=admin" CN=soc,DC=example=operator *=viewer` || shown.Origin != "file fleet.yaml:9" {
		t.Errorf("got %+v", shown)
	}
}

func TestRolesOfGroupsAsWords(t *testing.T) {
	got, _, err := resolveSSO(t, given{
		flags: []string{"--sso-issuer=https://id.example.com", "--sso-client-id=fleet"},
		env:   map[string]string{"ZEEKFLEET_SSO_ROLES": "admins=admin  soc=operator"},
	})
	want := []access.GroupRole{{Group: "admins", Role: mgmt.Admin}, {Group: "soc", Role: mgmt.Operator}}
	if diff := gocmp.Diff(want, got.Roles); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestBadSettingsOfSingleSignOn(t *testing.T) {
	var many strings.Builder
	many.WriteString("controller:\n  sso:\n    roles:\n")
	for i := range 1001 {
		fmt.Fprintf(&many, "    - g%d=viewer\n", i)
	}
	for name, tc := range map[string]struct {
		text string // below controller.sso, or a whole file
		want string
	}{
		"an issuer without TLS":  {"issuer: http://id.example.com", `fleet.yaml:3 is not such a URL: "http://id.example.com" must begin with https://`},
		"an issuer that is none": {"issuer: id.example.com", `fleet.yaml:3 is not such a URL: "id.example.com" is not a URL such as https://id.example.com`},
		"an unknown role":        {"roles: [soc=root]", `fleet.yaml:3 is not a list of groups with roles: "root" is not a role: it is viewer, operator or admin`},
		"no role":                {"roles: soc", `fleet.yaml:3 is not a list of groups with roles: "soc" is not of the form GROUP=ROLE`},
		"a group twice":          {"roles: [soc=viewer, soc=admin]", `the group "soc" is there twice`},
		"two lines":              {`roles: ["a\nb=admin"]`, `fleet.yaml:3: controller.sso.roles: "a\nb=admin" in the list has more than one line`},
		"too many groups":        {many.String(), "it has 1001 groups, and at most 1000 are allowed"},
		"another callback":       {"redirect_url: https://fleet.example.com/cb", "must have the path /api/v1/sso/callback"},
		"a secret in the file":   {"client_secret: x", `fleet.yaml:3: unknown setting "controller.sso.client_secret"`},
		"an id with blanks":      {"client_id: a b", `"a b" from file fleet.yaml:3 is not one word`},
		"a short login":          {"login_life: 1s", "is not a time between 5m0s and 720h0m0s"},
		"an issuer alone":        {"issuer: https://id.example.com", "controller.sso.issuer from file fleet.yaml:3 needs the provider's name for this controller: set --sso-client-id"},
		"no groups": {"issuer: https://id.example.com\n    client_id: x",
			"controller.sso.issuer from file fleet.yaml:3 needs groups that may log in: set --sso-roles"},
		"insecure": {"issuer: https://id.example.com\n    client_id: x\n    roles: \"*=viewer\"\ninsecure: true",
			"with insecure from file fleet.yaml:6 nobody logs in, and controller.sso.issuer from file fleet.yaml:3 has no effect"},
		"no issuer": {"client_id: x", "controller.sso.client_id from file fleet.yaml:3 has no effect without a provider: set --sso-issuer"},
	} {
		text := tc.text
		if !strings.HasPrefix(text, "controller:") {
			text = "controller:\n  sso:\n    " + text + "\n"
		}
		if _, _, err := resolveSSO(t, given{file: text}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s:\n got %v\nwant %s", name, err, tc.want)
		}
	}
}
