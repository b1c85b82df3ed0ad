package cli_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// site is a cluster with an authority.
type site struct {
	authority identity.Authority
	cluster   string
}

func newSite(t *testing.T) *site {
	t.Helper()
	authority, err := identity.NewAuthority("test", time.Now(), identity.AuthorityLife)
	if err != nil {
		t.Fatal(err)
	}
	return &site{authority, identity.NewCluster()}
}

// credentials returns a key and a certificate in PEM form. The certificate is valid for
// life from now on.
func (s *site) credentials(t *testing.T, id identity.Identity, now time.Time, life time.Duration) (key, cert []byte) {
	t.Helper()
	private, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.authority.Issue(identity.Leaf{
		Cluster: s.cluster, Identity: id, Key: private.Public(), Hosts: []string{"127.0.0.1"}, Life: life,
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	if key, err = identity.KeyPEM(private); err != nil {
		t.Fatal(err)
	}
	return key, identity.CertPEM(signed)
}

func (s *site) authorities() []byte { return identity.CertPEM(s.authority.Cert) }

var ann = identity.Identity{Kind: identity.User, Name: "ann"}

// addContext adds a context of the user ann.
func (s *site) addContext(t *testing.T, to *cli.Contexts, name, controller string, now time.Time, life time.Duration) {
	t.Helper()
	key, cert := s.credentials(t, ann, now, life)
	c := cli.Context{Name: name, Controller: controller, Cluster: s.cluster, User: ann.Name}
	if err := to.Add(c, key, cert, s.authorities()); err != nil {
		t.Fatal(err)
	}
}

// names returns the names of the contexts, with a star before the current one.
func names(t *testing.T, c *cli.Contexts) string {
	t.Helper()
	list, current, err := c.List()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, one := range list {
		if one.Name == current {
			one.Name = "*" + one.Name
		}
		all = append(all, one.Name)
	}
	return strings.Join(all, " ")
}

func TestContextsAreAddedChosenAndRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "config", "zeekfleet")
	contexts := cli.ContextsIn(dir)
	if got := names(t, contexts); got != "" {
		t.Errorf("without a directory: got %q", got)
	}
	s := newSite(t)
	s.addContext(t, contexts, "west", "192.0.2.1:2149", time.Now(), time.Hour)
	s.addContext(t, contexts, "east", "192.0.2.2:2149", time.Now(), time.Hour)
	if got, want := names(t, contexts), "*east west"; got != want {
		t.Errorf("the last one added: got %q, want %q", got, want)
	}
	if err := contexts.Use("west"); err != nil {
		t.Fatal(err)
	}
	before, err := contexts.Find("")
	if err != nil || before.Name != "west" {
		t.Fatalf("current: got %+v, %v", before, err)
	}
	s.addContext(t, contexts, "west", "192.0.2.3:2149", time.Now(), time.Hour)
	after, err := contexts.Find("west")
	if err != nil || after.Controller != "192.0.2.3:2149" {
		t.Errorf("a second login: got %+v, %v", after, err)
	}
	if _, err := os.Stat(before.Directory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key of the first login is still there: %v", err)
	}
	if _, err := after.Credentials(); err != nil {
		t.Error(err)
	}
	if err := contexts.Remove("west"); err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, contexts), "east"; got != want {
		t.Errorf("after the current one is removed: got %q, want %q", got, want)
	}
	if _, err := os.Stat(after.Directory); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the key of a removed context is still there: %v", err)
	}
	if none, err := contexts.Find(""); none != nil || err != nil {
		t.Errorf("no current context: got %+v, %v", none, err)
	}
	err = contexts.Use("esat")
	if want := `no such context: "esat"; did you mean "east"?`; !errors.Is(err, cli.ErrNoContext) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestFilesOfContextsAreTheirOwners(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "zeekfleet")
	contexts := cli.ContextsIn(dir)
	newSite(t).addContext(t, contexts, "west", "192.0.2.1:2149", time.Now(), time.Hour)
	west, err := contexts.Find("west")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{
		dir: 0o700, filepath.Join(dir, "contexts.yaml"): 0o600,
		west.Directory: 0o700, filepath.Join(west.Directory, "user.key"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s: got mode %v, want %v", path, got, want)
		}
	}
}

func TestUnusableCredentialsSayWhatToDo(t *testing.T) {
	s := newSite(t)
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string // DIR stands for the directory of the context
	}{
		"others can read the key": {
			func(t *testing.T, dir string) { must(t, os.Chmod(dir+"/user.key", 0o640)) },
			`context "west": other users can read its key, which is a secret: chmod 600 DIR/user.key`,
		},
		"the key is gone": {
			func(t *testing.T, dir string) { must(t, os.Remove(dir+"/user.key")) },
			`context "west": open DIR/user.key: no such file or directory: log in again (zeekfleet login 192.0.2.1:2149 --token …)`,
		},
		"the key is a link": {
			func(t *testing.T, dir string) {
				must(t, os.Rename(dir+"/user.key", dir+"/elsewhere"))
				must(t, os.Symlink("elsewhere", dir+"/user.key"))
			},
			`context "west": open DIR/user.key: not a regular file: log in again (zeekfleet login 192.0.2.1:2149 --token …)`,
		},
		"the key is another": {
			func(t *testing.T, dir string) {
				key, _ := s.credentials(t, ann, time.Now(), time.Hour)
				must(t, os.WriteFile(dir+"/user.key", key, 0o600))
			},
			`context "west": the key is not that of the certificate: log in again (zeekfleet login 192.0.2.1:2149 --token …)`,
		},
		"the certificate is damaged": {
			func(t *testing.T, dir string) { must(t, os.WriteFile(dir+"/user.pem", []byte("-----"), 0o600)) },
			`context "west": DIR/user.pem: there is no certificate in PEM form (BEGIN CERTIFICATE): log in again (zeekfleet login 192.0.2.1:2149 --token …)`,
		},
		"the authorities are too long": {
			func(t *testing.T, dir string) {
				must(t, os.WriteFile(dir+"/authorities.pem", make([]byte, 256<<10+1), 0o600))
			},
			`context "west": read DIR/authorities.pem: it is too long: log in again (zeekfleet login 192.0.2.1:2149 --token …)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			contexts := cli.ContextsIn(t.TempDir())
			s.addContext(t, contexts, "west", "192.0.2.1:2149", time.Now(), time.Hour)
			west, err := contexts.Find("west")
			must(t, err)
			tt.spoil(t, west.Directory)
			_, err = west.Credentials()
			want := strings.ReplaceAll(tt.want, "DIR", west.Directory)
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestContextsOfAllFormsAreRead(t *testing.T) {
	for file, others := range map[string][]string{"form1.yaml": nil, "form2.yaml": {"192.0.2.2:2149", "hub-3.example.org:2149"}} {
		text, err := os.ReadFile("testdata/contexts/" + file)
		must(t, err)
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "contexts.yaml"), text, 0o600))
		list, current, err := cli.ContextsIn(dir).List()
		must(t, err)
		want := []cli.Context{
			{Name: "fleet", Controller: "192.0.2.1:2149", Others: others, Cluster: "k7qpl3vuo2mwx4ra", User: "ann", Directory: filepath.Join(dir, "fleet-5ab0c1d2")},
			{Name: "lab.example", Controller: "[2001:db8::1]:2149", Cluster: "zzqpl3vuo2mwx4ra", User: "ann", Directory: filepath.Join(dir, "lab.example-4f00c1d2")},
		}
		if diff := cmp.Diff(want, list); diff != "" || current != "fleet" {
			t.Errorf("%s: current %q, -want +got:\n%s", file, current, diff)
		}
	}
}

// Earlier programs read the contexts for as long as no context has several controllers.
func TestContextsAreOfTheOldestFormThatHasThem(t *testing.T) {
	s, dir := newSite(t), t.TempDir()
	contexts := cli.ContextsIn(dir)
	s.addContext(t, contexts, "fleet", "192.0.2.1:2149", time.Now(), time.Hour)
	version := func() string {
		text, err := os.ReadFile(filepath.Join(dir, "contexts.yaml"))
		must(t, err)
		line, _, _ := strings.Cut(string(text), "\n")
		return line
	}
	if got := version(); got != "version: 1" {
		t.Errorf("with one controller: %s", got)
	}
	must(t, contexts.SetControllers("fleet", "192.0.2.2:2149", []string{"192.0.2.1:2149"}))
	if got := version(); got != "version: 2" {
		t.Errorf("with several: %s", got)
	}
	found, err := contexts.Find("fleet")
	must(t, err)
	if found.Controller != "192.0.2.2:2149" || len(found.Others) != 1 {
		t.Errorf("got %+v", found)
	}
	must(t, contexts.SetControllers("fleet", "192.0.2.2:2149", nil))
	if got := version(); got != "version: 1" {
		t.Errorf("with one again: %s", got)
	}
	if err := contexts.SetControllers("fleet", "192.0.2.2:2149", []string{"nowhere"}); err == nil {
		t.Error("an address without a port is stored")
	}
}

func TestContextsFileThatCannotBeReadIsLeftAlone(t *testing.T) {
	const entry = "  - {name: a, controller: 'h:1', cluster: c, user: u, directory: a-1}\n"
	for name, tt := range map[string]struct{ text, want string }{
		"newer":              {"version: 3\nplaces: []\n", "written by a newer zeekfleet (form 3, known are up to 2); run that zeekfleet, or a later one"},
		"no version":         {"contexts: []\n", "its version is missing"},
		"unknown key":        {"version: 1\ncontexts: []\ncolour: red\n", "colour"},
		"two of a name":      {"version: 1\ncontexts:\n" + entry + entry, `there are two contexts "a"`},
		"no port":            {"version: 1\ncontexts:\n" + strings.Replace(entry, "h:1", "h", 1), `context 1: controller "h" should be <host>:<port>`},
		"a path":             {"version: 1\ncontexts:\n" + strings.Replace(entry, "a-1", "../a", 1), `context 1: directory "../a" is not the name of a directory`},
		"a name with slash":  {"version: 1\ncontexts:\n" + strings.Replace(entry, "name: a", "name: a/b", 1), `context 1: "a/b" cannot be the name of a context`},
		"no cluster":         {"version: 1\ncontexts:\n" + strings.Replace(entry, "cluster: c", "cluster: ''", 1), "context 1: the cluster is missing"},
		"too many":           {"version: 1\ncontexts:\n" + manyContexts(cli.MaxContexts+1), "there are more than 1000 contexts"},
		"others in form 1":   {"version: 1\ncontexts:\n" + strings.Replace(entry, "cluster:", "others: ['h:2'], cluster:", 1), "contexts with several controllers are of version 2"},
		"an other":           {"version: 2\ncontexts:\n" + strings.Replace(entry, "cluster:", "others: [h], cluster:", 1), `context 1: controller "h" should be`},
		"many others":        {"version: 2\ncontexts:\n" + strings.Replace(entry, "cluster:", "others: ['h:2'"+strings.Repeat(", 'h:2'", 15)+"], cluster:", 1), "more than 16 controllers"},
		"something else":     {"[client]\n", "contexts.yaml"},
		"longer than 1 MiB":  {strings.Repeat("#", 1<<20+1), "it is too long"},
		"an unfinished file": {"version: 1\ncontexts:\n  - {name: a", "contexts.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "contexts.yaml")
			must(t, os.WriteFile(path, []byte(tt.text), 0o600))
			contexts := cli.ContextsIn(filepath.Dir(path))
			_, _, err := contexts.List()
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err := contexts.Use("a"); err == nil {
				t.Error("the file was changed")
			}
			if text, _ := os.ReadFile(path); string(text) != tt.text {
				t.Error("the file has another text now")
			}
		})
	}
}

func manyContexts(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  - {name: a%d, controller: 'h:1', cluster: c, user: u, directory: a-%d}\n", i, i)
	}
	return b.String()
}

func TestProcessesAddContextsAtTheSameTime(t *testing.T) {
	dir, s := t.TempDir(), newSite(t)
	key, cert := s.credentials(t, ann, time.Now(), time.Hour)
	var adding sync.WaitGroup
	const n = 20
	for i := range n {
		adding.Go(func() { // as processes do, each has Contexts of its own
			c := cli.Context{Name: fmt.Sprintf("c%d", i), Controller: "h:1", Cluster: s.cluster, User: "ann"}
			if err := cli.ContextsIn(dir).Add(c, key, cert, s.authorities()); err != nil {
				t.Error(err)
			}
		})
	}
	adding.Wait()
	list, _, err := cli.ContextsIn(dir).List()
	if err != nil || len(list) != n {
		t.Errorf("got %d contexts, %v; want %d", len(list), err, n)
	}
}
