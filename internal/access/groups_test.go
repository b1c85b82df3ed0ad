package access_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestParseGroupRole(t *testing.T) {
	for text, want := range map[string]struct {
		rule access.GroupRole
		err  string
	}{
		"soc=operator":                  {rule: access.GroupRole{Group: "soc", Role: mgmt.Operator}},
		"*=viewer":                      {rule: access.GroupRole{Group: "*", Role: mgmt.Viewer}},
		"Fleet Admins = admin":          {rule: access.GroupRole{Group: "Fleet Admins", Role: mgmt.Admin}},
		"CN=soc,OU=it,DC=example=admin": {rule: access.GroupRole{Group: "CN=soc,OU=it,DC=example", Role: mgmt.Admin}},
		"soc":                           {err: `"soc" is not of the form GROUP=ROLE`},
		"=admin":                        {err: `"=admin" is not of the form GROUP=ROLE`},
		" =admin":                       {err: `" =admin" is not of the form GROUP=ROLE`},
		"soc=root":                      {err: `"root" is not a role: it is viewer, operator or admin`},
		"soc=":                          {err: `"" is not a role: it is viewer, operator or admin`},
		"so\x00c=admin":                 {err: "the name of a group must not hold control characters"},
	} {
		rule, err := access.ParseGroupRole(text)
		if got := errorText(err); got != want.err || err == nil && rule != want.rule {
			t.Errorf("%q:\n got %v, %q\nwant %v, %q", text, rule, got, want.rule, want.err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestHighestRoleOfGroups(t *testing.T) {
	rules := []access.GroupRole{{"soc", mgmt.Operator}, {"fleet-admins", mgmt.Admin}, {"interns", mgmt.Viewer}}
	everybody := append([]access.GroupRole{{access.EveryGroup, mgmt.Viewer}}, rules...)
	for name, test := range map[string]struct {
		rules  []access.GroupRole
		groups []string
		want   mgmt.UserRole
	}{
		"no group":                       {rules, nil, mgmt.NoUser},
		"unknown groups":                 {rules, []string{"sales", "SOC", "soc "}, mgmt.NoUser},
		"one group":                      {rules, []string{"soc"}, mgmt.Operator},
		"the highest of two":             {rules, []string{"interns", "fleet-admins"}, mgmt.Admin},
		"a group called star":            {rules, []string{"*"}, mgmt.NoUser},
		"everybody":                      {everybody, nil, mgmt.Viewer},
		"everybody is not above a group": {everybody, []string{"soc"}, mgmt.Operator},
	} {
		if got := access.HighestRole(test.rules, test.groups); !cmp.Equal(got, test.want) {
			t.Errorf("%s: got %v, want %v", name, got, test.want)
		}
	}
}

func FuzzParseGroupRole(f *testing.F) {
	for _, text := range []string{"soc=operator", "*=viewer", "CN=soc,DC=example=admin", "a==admin", " = "} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rule, err := access.ParseGroupRole(text)
		if err != nil {
			return
		}
		if again, err := access.ParseGroupRole(rule.String()); err != nil || again != rule {
			t.Errorf("%q became %v, and that became %v, %v", text, rule, again, err)
		}
	})
}
