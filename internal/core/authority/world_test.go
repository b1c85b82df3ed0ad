package authority_test

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	. "github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// maker is the Maker of tests. Its IDs count.
type maker struct{ secrets, broken int }

func (m *maker) Authority(name string, now time.Time, life time.Duration) (identity.Authority, error) {
	return identity.NewAuthority(name, now, life)
}

func (m *maker) Issue(by identity.Authority, leaf identity.Leaf, now time.Time) (*x509.Certificate, error) {
	if m.broken > 0 {
		m.broken--
		return nil, errors.New("no more ink")
	}
	return by.Issue(leaf, now)
}

func (m *maker) Key() (crypto.Signer, error) { return identity.NewKey() }

func (m *maker) Secret() identity.APIToken {
	m.secrets++
	letters := string(rune('a'+m.secrets/26%26)) + string(rune('a'+m.secrets%26))
	return identity.APIToken{ID: "secret" + letters, Secret: strings.Repeat(letters, 13)}
}

// The principals of tests.
var (
	root   = mgmt.Principal{Name: "root (uid 0)", Role: mgmt.Admin, Source: "127.0.0.1:1"}
	viewer = mgmt.Principal{Name: "vera", Role: mgmt.Viewer, Source: "192.0.2.3:1"}
	nobody = mgmt.Principal{Name: "unknown at 192.0.2.9", Source: "192.0.2.9:1"}
)

// epoch is when tests begin.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world is an authority with its disk and its clock.
type world struct {
	testing.TB
	cfg    Config
	maker  *maker
	m      *Machine
	now    time.Time
	disk   map[string][]byte
	full   bool // the disk
	asked  uint64
	out    []Effect // everything since the last ask or step, without Saves
	view   View
	own    Own
	audit  []mgmt.AuditRecord
	start  Start
	saves  int
	depose bool
}

func newWorld(t testing.TB, cfg Config) *world {
	w := &world{
		TB: t, cfg: cfg, maker: &maker{}, now: epoch, disk: map[string][]byte{},
		start: Start{Cluster: "testcluster", Name: "ctl", Hosts: []string{"192.0.2.1", "localhost"}, Members: []Member{}},
	}
	w.restart()
	return w
}

// restart starts another machine with what is on disk.
func (w *world) restart() {
	w.Helper()
	state, err := Restore(maps.Clone(w.disk))
	if err != nil {
		w.Fatal(err)
	}
	w.m = New(w.cfg, state, w.maker)
	w.step(w.start)
}

// step gives the machine an event, and answers its saves.
func (w *world) step(ev Event) []Effect {
	w.Helper()
	w.out = nil
	for queue := []Event{ev}; len(queue) > 0; {
		effects := w.m.Step(w.now, queue[0])
		queue = queue[1:]
		for i, e := range effects {
			if save, ok := e.(Save); ok {
				if i != len(effects)-1 {
					w.Fatalf("a Save is not the last effect: %v", effects)
				}
				queue = append(queue, w.save(save))
				continue
			}
			w.take(e)
		}
	}
	return w.out
}

func (w *world) save(s Save) Event {
	switch {
	case w.depose:
		return Deposed{}
	case w.full:
		return Saved{Err: "the disk is full"}
	}
	w.saves++
	for _, c := range s.Changes {
		if c.Value == nil {
			delete(w.disk, c.Key)
		} else {
			w.disk[c.Key] = c.Value
		}
	}
	return Saved{}
}

func (w *world) take(e Effect) {
	w.out = append(w.out, e)
	switch e := e.(type) {
	case Published:
		w.view = e.View
	case Own:
		w.own = e
	case Audit:
		w.audit = append(w.audit, e.Record)
	}
}

// ask makes a request and returns its answer. There must be exactly one.
func (w *world) ask(who mgmt.Principal, req access.Request) access.Answer {
	w.Helper()
	w.asked++
	var answers []access.Answer
	for _, e := range w.step(Request{ID: w.asked, Who: who, Req: req}) {
		if r, ok := e.(Reply); ok {
			if r.ID != w.asked {
				w.Fatalf("the reply has ID %d, want %d", r.ID, w.asked)
			}
			answers = append(answers, r.Answer)
		}
	}
	if len(answers) != 1 {
		w.Fatalf("%T has %d answers", req, len(answers))
	}
	return answers[0]
}

// wait lets time pass, with the ticks that the machine wants.
func (w *world) wait(d time.Duration) {
	w.Helper()
	end := w.now.Add(d)
	for n := 0; ; n++ {
		at, ok := w.m.NextWake()
		if !ok || at.After(end) {
			break
		}
		if n > 10_000 {
			w.Fatalf("the machine wakes again and again at %v", at)
		}
		if at.After(w.now) {
			w.now = at
		}
		w.step(Tick{})
	}
	w.now = end
}

// want returns the answer of this type.
func want[A access.Answer](w *world, got access.Answer) A {
	w.Helper()
	a, ok := got.(A)
	if !ok {
		w.Fatalf("got %T %v, want %T", got, got, *new(A))
	}
	return a
}

// refused checks the answer's kind and a part of its reason.
func (w *world) refused(got access.Answer, why access.Why, part string) {
	w.Helper()
	r := want[access.Refusal](w, got)
	if r.Why != why || !strings.Contains(r.Reason, part) || strings.Contains(r.Reason, "\n") {
		w.Errorf("got refusal %q: %s\nwant %q with %q", r.Why, r.Reason, why, part)
	}
}

// csr returns a signing request of a new key.
func csr(t testing.TB) []byte {
	t.Helper()
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := identity.NewRequest(identity.Identity{Kind: identity.Agent, Name: "any"}, key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// token makes a joining token of an instance.
func (w *world) token(instance string) string {
	w.Helper()
	return want[access.Token](w, w.ask(root, access.CreateToken{Instance: instance})).Text
}

// join joins an agent with its nodes.
func (w *world) join(instance string) access.Joined {
	w.Helper()
	return want[access.Joined](w, w.ask(nobody, access.Join{Token: w.token(instance), Key: csr(w), NodeKey: csr(w), Clock: w.now}))
}

// login adds a user who logs in.
func (w *world) login(name string, role mgmt.UserRole) access.Certificate {
	w.Helper()
	made := want[access.Token](w, w.ask(root, access.AddUser{Name: name, Role: role}))
	return want[access.Certificate](w, w.ask(nobody, access.Login{Token: made.Text, Key: csr(w)}))
}

// judge returns whose certificate a PEM text has, or why it does not count.
func (w *world) judge(text []byte) string {
	w.Helper()
	id, err := w.view.Directory.Trust.Judge(parse(w, text), w.now)
	if err != nil {
		return err.Error()
	}
	return id.String()
}

func parse(t testing.TB, text []byte) []*x509.Certificate {
	t.Helper()
	chain, err := identity.ReadCerts(text)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

func serial(t testing.TB, text []byte) string {
	t.Helper()
	return identity.Serial(parse(t, text)[0])
}

func agent(name string) identity.Identity {
	return identity.Identity{Kind: identity.Agent, Name: name}
}

// outcomes returns the lines of the audit since the last call, without their times.
func (w *world) outcomes() string {
	var b strings.Builder
	for _, r := range w.audit {
		fmt.Fprintf(&b, "%s (%s, %s) %s %s: %s %s\n", r.Who, r.Role, r.Source, r.Request, r.Subject, r.Outcome, r.Reason)
	}
	w.audit = nil
	return b.String()
}
