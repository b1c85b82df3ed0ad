package sso

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func read(t testing.TB, text string) claims {
	t.Helper()
	said := claims{}
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		t.Fatal(err)
	}
	return said
}

func TestGroupsInClaims(t *testing.T) {
	for name, tc := range map[string]struct {
		text, claim string
		want        []string
		found       bool
		err         string
	}{
		"a list":                    {`{"groups":["a","b"]}`, "groups", []string{"a", "b"}, true, ""},
		"a text":                    {`{"groups":"a b"}`, "groups", []string{"a b"}, true, ""},
		"the names of an object":    {`{"roles":{"b":{"org":"x"},"a":{}}}`, "roles", []string{"a", "b"}, true, ""},
		"a path":                    {`{"realm_access":{"roles":["a"]}}`, "realm_access.roles", []string{"a"}, true, ""},
		"a name with dots":          {`{"https://x.example/groups":["a"]}`, "https://x.example/groups", []string{"a"}, true, ""},
		"the name before the path":  {`{"a.b":["x"],"a":{"b":["y"]}}`, "a.b", []string{"x"}, true, ""},
		"an empty list":             {`{"groups":[]}`, "groups", []string{}, true, ""},
		"none":                      {`{}`, "groups", nil, false, ""},
		"null":                      {`{"groups":null}`, "groups", nil, false, ""},
		"a path that ends early":    {`{"realm_access":["roles"]}`, "realm_access.roles", nil, false, ""},
		"a number":                  {`{"groups":7}`, "groups", nil, true, `the claim "groups" is neither a text nor a list of texts`},
		"a list with another thing": {`{"groups":["a",{"b":1}]}`, "groups", nil, true, `the claim "groups" is neither a text nor a list of texts`},
	} {
		got, found, err := read(t, tc.text).groups(tc.claim)
		if found != tc.found || !cmp.Equal(got, tc.want) || err == nil != (tc.err == "") || err != nil && err.Error() != tc.err {
			t.Errorf("%s: got %q, %v, %v", name, got, found, err)
		}
	}
}

func TestNameInClaims(t *testing.T) {
	for name, tc := range map[string]struct{ text, claim, want, err string }{
		"the claim":                       {`{"preferred_username":"ann"}`, DefaultNameClaim, "ann", ""},
		"the claim before the email":      {`{"preferred_username":"ann","email":"a@x.example","email_verified":true}`, DefaultNameClaim, "ann", ""},
		"the verified email":              {`{"email":"a@x.example","email_verified":true}`, DefaultNameClaim, "a@x.example", ""},
		"verified, as a text":             {`{"email":"a@x.example","email_verified":"true"}`, DefaultNameClaim, "a@x.example", ""},
		"an email that is not verified":   {`{"email":"a@x.example","email_verified":false}`, DefaultNameClaim, "", "tells no name"},
		"nobody says that it is verified": {`{"email":"a@x.example"}`, DefaultNameClaim, "", "tells no name"},
		"not even if it is the claim":     {`{"email":"a@x.example"}`, "email", "", "tells no name"},
		"the email as the claim":          {`{"email":"a@x.example","email_verified":true,"preferred_username":"ann"}`, "email", "a@x.example", ""},
		"a slash":                         {`{"preferred_username":"x/y"}`, DefaultNameClaim, "", `"x/y" is not a name`},
		"a blank":                         {`{"preferred_username":"root (uid 0)"}`, DefaultNameClaim, "", "is not a name"},
		"long":                            {`{"preferred_username":"` + strings.Repeat("x", 201) + `"}`, DefaultNameClaim, "", "must not be longer than 200 bytes"},
		"a list":                          {`{"preferred_username":["ann"]}`, DefaultNameClaim, "", "is not a text"},
	} {
		got, err := read(t, tc.text).name(tc.claim)
		if got != tc.want || err == nil != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestAddedClaims(t *testing.T) {
	for name, tc := range map[string]struct{ own, other, want, err string }{
		"own ones stay":             {`{"sub":"1","groups":["a"]}`, `{"sub":"1","groups":["b"],"x":1}`, `{"sub":"1","groups":["a"],"x":1}`, ""},
		"of somebody else":          {`{"sub":"1"}`, `{"sub":"2","groups":["a"]}`, "", "somebody else"},
		"of nobody":                 {`{"sub":"1"}`, `{"groups":["a"]}`, "", "does not say of whom"},
		"another address, verified": {`{"sub":"1","email":"a"}`, `{"sub":"1","email":"b","email_verified":true}`, `{"sub":"1","email":"b","email_verified":true}`, ""},
	} {
		said := read(t, tc.own)
		err := said.add(read(t, tc.other))
		if tc.err != "" {
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: got %v", name, err)
			}
			continue
		}
		if diff := cmp.Diff(read(t, tc.want), said); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
}

func TestSubjectInClaims(t *testing.T) {
	for name, tc := range map[string]struct{ text, claim, want, err string }{
		"the usual claim": {`{"sub":"1","oid":"2"}`, "sub", "https://id.example 1", ""},
		"another claim":   {`{"sub":"1","oid":"2"}`, "oid", "https://id.example 2", ""},
		"none":            {`{"sub":"1"}`, "oid", "", `does not say by what it knows the user (claim "oid")`},
		"a number":        {`{"oid":1}`, "oid", "", `the claim "oid" is not a text`},
		"long":            {`{"sub":"` + strings.Repeat("x", 256) + `"}`, "sub", "", "does not say by what it knows the user"},
	} {
		said := read(t, tc.text)
		said["preferred_username"], said["groups"] = json.RawMessage(`"ann"`), json.RawMessage(`"soc"`)
		cfg := Config{
			Issuer: "https://id.example", GroupsClaim: "groups", NameClaim: DefaultNameClaim, SubjectClaim: tc.claim,
			Roles: []access.GroupRole{{Group: "soc", Role: mgmt.Viewer}},
		}
		got, err := cfg.person(said)
		if got.Subject != tc.want || err == nil != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// Whatever a provider says, a person has a name that can be an identity, and the role of
// a rule.
func FuzzPerson(f *testing.F) {
	for _, text := range []string{
		`{"sub":"1","preferred_username":"ann","groups":["soc"]}`,
		`{"sub":"1","email":"a@x.example","email_verified":"true","a":{"b":{"soc":1}}}`,
		`{"preferred_username":"ann","groups":null}`, `{"groups":{}}`, `{"a.b":"soc"}`,
	} {
		f.Add(text, "groups", "preferred_username")
		f.Add(text, "a.b", "email")
	}
	rules := []access.GroupRole{{Group: "soc", Role: mgmt.Operator}}
	f.Fuzz(func(t *testing.T, text, groupsClaim, nameClaim string) {
		said := claims{}
		if json.Unmarshal([]byte(text), &said) != nil {
			return
		}
		cfg := Config{Issuer: "https://id.example", GroupsClaim: groupsClaim, NameClaim: nameClaim, SubjectClaim: "sub", Roles: rules}
		person, err := cfg.person(said)
		if err != nil {
			if reason := err.Error(); strings.ContainsAny(reason, "\n\x1b") {
				t.Errorf("the refusal is not one line: %q", reason)
			}
			return
		}
		if identity.CheckName(person.Name) != nil || !strings.HasPrefix(person.Subject, "https://id.example ") || person.Role != mgmt.Operator || !strings.Contains(text, "soc") {
			t.Errorf("%q gave %+v", text, person)
		}
	})
}
