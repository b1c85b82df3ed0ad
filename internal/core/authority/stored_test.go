package authority_test

import (
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/access"
	. "github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var makeForm = flag.Bool("make-form", false, "make the files in testdata, which then never change")

// full makes a world whose disk has every kind of value, with every field.
func full(t testing.TB) *world {
	w := newWorld(t, Config{})
	w.join("sensor-1")
	w.token("sensor-2")
	made := want[access.Token](w, w.ask(root, access.CreateToken{Instance: "sensor-3"}))
	want[access.Done](w, w.ask(root, access.RevokeToken{ID: made.ID}))
	ann := w.login("ann", mgmt.Operator)
	want[access.Done](w, w.ask(root, access.RevokeCertificate{Serial: ann.Serial}))
	want[access.Certificate](w, w.ask(nobody, access.LoginSSO{Name: "bob", Role: mgmt.Admin, Subject: "4711", Key: csr(t)}))
	want[access.Certificate](w, w.ask(root, access.Sign{Identity: agent("zeek"), Key: csr(t), Hosts: []string{"192.0.2.7"}}))
	bearer := want[access.Token](w, w.ask(root, access.CreateAPIToken{User: "ann", Name: "ci", TTL: 24 * time.Hour}))
	w.step(BearerUsed{Token: bearer.ID})
	want[access.Authorities](w, w.ask(root, access.RotateAuthority{}))
	renewed := want[access.Certificates](w, w.ask(root, access.ListCertificates{}))
	w.step(CertificateUsed{Serial: renewed[0].Serial})
	return w
}

const formFile = "testdata/form1.json"

// The values in the file were stored by the first version that had this form. If this
// test fails, add a new form: nobody can change what is stored.
func TestValuesOfForm1AreRead(t *testing.T) {
	if *makeForm {
		writeForm(t, formFile, full(t).disk)
	}
	w := newWorld(t, Config{})
	w.disk, w.now = map[string][]byte{}, epoch
	for key, value := range readForm(t, formFile) {
		w.disk[key] = value
	}
	w.restart()
	if diff := cmp.Diff(access.Users{
		{Name: "ann", Role: mgmt.Operator, Created: epoch, LastUse: epoch},
		{Name: "bob", Role: mgmt.Admin, Created: epoch, SSO: true, LastUse: epoch},
	}, w.ask(root, access.ListUsers{})); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	var tokens, certificates []string
	for _, i := range want[access.Tokens](w, w.ask(root, access.ListTokens{})) {
		tokens = append(tokens, i.For.String()+" "+i.Name)
	}
	for _, c := range want[access.Certificates](w, w.ask(root, access.ListCertificates{})) {
		revoked := ""
		if !c.Revoked.IsZero() {
			revoked = " revoked"
		}
		certificates = append(certificates, c.Identity.String()+revoked)
	}
	if diff := cmp.Diff([]string{"agent/sensor-2 ", "user/ann ci"}, tokens); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"agent/sensor-1", "agent/zeek", "controller/ctl", "node/sensor-1", "user/ann revoked", "user/bob"}, certificates); diff != "" {
		t.Errorf("certificates (-want +got):\n%s", diff)
	}
	if list := w.authorities(); len(list) != 2 || len(list[1].Awaited) != 2 {
		t.Errorf("the authorities are %+v", list)
	}
}

// writeForm writes values to a file.
func writeForm(t testing.TB, file string, values map[string][]byte) {
	t.Helper()
	texts := map[string]json.RawMessage{}
	for key, value := range values {
		texts[key] = value
	}
	text, err := json.MarshalIndent(texts, "", "  ")
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, append(text, '\n'), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func readForm(t testing.TB, file string) map[string]json.RawMessage {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(text, &values); err != nil {
		t.Fatal(err)
	}
	for key, value := range values {
		var line strings.Builder
		if err := json.NewEncoder(&line).Encode(value); err != nil {
			t.Fatal(err)
		}
		values[key] = json.RawMessage(strings.TrimSpace(line.String()))
	}
	return values
}

// Whatever is read is written again in the same way.
func TestStoredValuesAreWrittenAsTheyWereRead(t *testing.T) {
	w := full(t)
	before := maps.Clone(w.disk)
	state, err := Restore(w.disk)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, Stored(state)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDamagedValuesAreRefused(t *testing.T) {
	w := newWorld(t, Config{})
	tests := map[string]struct{ key, value, part string }{
		"unknown key":         {"more", `{"version":1}`, `value "more": the key is not known`},
		"no name":             {"user/", `{"version":1}`, "the key has no name"},
		"not JSON":            {"user/ann", `{`, "not a JSON object"},
		"without a version":   {"user/ann", `{"role":"admin"}`, "it is not stored in form 0"},
		"unknown field":       {"user/ann", `{"version":1,"role":"admin","more":1}`, "unknown field"},
		"unknown role":        {"user/ann", `{"version":1,"role":"god"}`, "is not a role"},
		"bad name":            {"user/a/b", `{"version":1,"role":"admin"}`, "is not a name"},
		"hash too short":      {"token/x", `{"version":1,"for":"agent/s","secret_sha256":"00"}`, "it has no SHA-256 hash"},
		"token of nobody":     {"token/x", `{"version":1,"for":"s"}`, "is not an identity"},
		"end of a token":      {"token/x", `{"version":1,"for":"agent/s","secret_sha256":"` + strings.Repeat("00", 32) + `","ended":"lost"}`, `"lost" is no end of a token`},
		"no certificate":      {"ca/x", `{"version":1,"number":3}`, "there is no certificate in PEM form"},
		"owner of no kind":    {"cert/1", `{"version":1,"owner":"god/s"}`, "is not a kind of identity"},
		"other hash of a key": {"ca/aaaa", string(w.disk["ca/"+w.authorities()[0].KeyHash]), "it has the certificate of another authority"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			values := maps.Clone(w.disk)
			values[test.key] = []byte(test.value)
			if _, err := Restore(values); err == nil || !strings.Contains(err.Error(), test.part) {
				t.Errorf("got %v, want %q", err, test.part)
			}
		})
	}
	values := maps.Clone(w.disk)
	delete(values, "cluster")
	if _, err := Restore(values); err == nil || !strings.Contains(err.Error(), `value "cluster" is missing`) {
		t.Errorf("got %v", err)
	}
}

func TestNewerFormsAreRefused(t *testing.T) {
	for key := range full(t).disk {
		_, err := Restore(map[string][]byte{key: []byte(`{"version":2,"more":{}}`)})
		if newer, ok := errors.AsType[*form.NewerError](err); !ok || newer.Form != 2 {
			t.Errorf("%s: got %v", key, err)
		}
	}
}

// Whatever is on disk, Restore returns an error or a state that a machine works with.
func FuzzRestore(f *testing.F) {
	for key, value := range full(f).disk {
		f.Add(key, []byte(value))
	}
	w := newWorld(f, Config{})
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		values := maps.Clone(w.disk)
		values[key] = value
		state, err := Restore(values)
		if err != nil {
			return
		}
		again, err := Restore(Stored(state))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(Stored(state), Stored(again)); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
		w := &world{TB: t, maker: &maker{}, now: epoch, disk: values, start: w.start}
		w.m = New(Config{}, state, w.maker)
		w.step(w.start)
		w.ask(root, access.ListTokens{})
		w.ask(root, access.ListCertificates{})
		w.ask(root, access.CreateToken{Instance: "s"})
		w.wait(time.Hour)
	})
}

const membersFile = "testdata/members1.json"

// The values of a cluster of controllers were stored by the first version that had them.
func TestValuesOfMembersOfForm1AreRead(t *testing.T) {
	if *makeForm {
		w := newWorld(t, Config{})
		w.joinController("c2", "192.0.2.2")
		w.setMembers("c3")
		writeForm(t, membersFile, w.disk)
	}
	w := newWorld(t, Config{})
	w.disk = map[string][]byte{}
	for key, value := range readForm(t, membersFile) {
		w.disk[key] = value
	}
	w.start = Start{Cluster: "another", Name: "c3"}
	before := maps.Clone(w.disk)
	w.restart()
	for _, name := range []string{"ctl", "c2", "c3"} {
		w.holds(name)
	}
	delete(before, "own/c3") // c3 leads, and says its hosts anew
	for key, value := range before {
		if strings.HasPrefix(key, "own") && string(w.disk[key]) != string(value) {
			t.Errorf("%s was changed to %s", key, w.disk[key])
		}
	}
	w.setMembers("ctl")
	w.wait(25 * time.Hour)
	if got := w.places(); len(got) != 2 {
		t.Errorf("c2 is still awaited: %v", got)
	}
}
