package authority_test

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/access"
	. "github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

func controller(name string) identity.Identity {
	return identity.Identity{Kind: identity.Controller, Name: name}
}

// controllerToken makes a token of a controller.
func (w *world) controllerToken(name string) string {
	w.Helper()
	return want[access.Token](w, w.ask(root, access.CreateToken{Controller: name})).Text
}

// joinController makes a controller join.
func (w *world) joinController(name string, hosts ...string) access.JoinedController {
	w.Helper()
	return want[access.JoinedController](w, w.ask(nobody, access.JoinController{Token: w.controllerToken(name), Name: name, Hosts: hosts, Clock: w.now}))
}

// places returns the keys of the controllers' own certificates.
func (w *world) places() []string {
	var list []string
	for key := range w.disk {
		if strings.HasPrefix(key, "own") {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return list
}

// look returns what a controller that follows sees.
func (w *world) look(name string) (View, *Own) {
	w.Helper()
	state, err := Restore(maps.Clone(w.disk))
	if err != nil {
		w.Fatal(err)
	}
	return Look(w.cfg, state, name, w.now)
}

// holds checks that a controller has a certificate that everybody trusts, for these hosts.
func (w *world) holds(name string, hosts ...string) string {
	w.Helper()
	view, own := w.look(name)
	if own == nil {
		w.Errorf("controller %s has no certificate", name)
		return ""
	}
	id, err := view.Directory.Trust.Judge(append(parse(w, identity.CertPEM(own.Cert)), own.Authority), w.now)
	if err != nil || id != controller(name) || !identity.IsKeyOf(own.Key, own.Cert) {
		w.Errorf("the certificate of %s is that of %v: %v", name, id, err)
	}
	for _, host := range hosts {
		if err := own.Cert.VerifyHostname(host); err != nil {
			w.Error(err)
		}
	}
	return identity.Serial(own.Cert)
}

func (w *world) setMembers(names ...string) {
	w.Helper()
	list := []Member{}
	for _, name := range names {
		list = append(list, Member{Name: name})
	}
	w.step(MembersChanged{list})
}

func TestControllerJoinsWithAToken(t *testing.T) {
	w := newWorld(t, Config{})
	text := w.controllerToken("c2")
	joined := want[access.JoinedController](w, w.ask(nobody, access.JoinController{Token: text, Name: "c2", Hosts: []string{"192.0.2.2", "c2.example.org"}, Clock: w.now}))
	if got := w.judge(joined.Certificate); got != "controller/c2" || joined.Serial != serial(w, joined.Certificate) || joined.Name != "c2" || joined.Cluster != "testcluster" {
		t.Errorf("got the certificate of %s, %+v", got, joined)
	}
	if got := w.places(); !slices.Equal(got, []string{"own/c2", "own/ctl"}) {
		t.Errorf("stored are %v", got)
	}
	w.holds("c2", "192.0.2.2", "c2.example.org")
	w.holds("ctl", "192.0.2.1", "localhost")
	w.refused(w.ask(nobody, access.JoinController{Token: text, Name: "c2"}), access.Unproved, "has been used")
	wantAudit := `root (uid 0) (admin, 127.0.0.1:1) token create controller/c2: done 
unknown at 192.0.2.9 (nobody, 192.0.2.9:1) controller join controller/c2: done 
unknown at 192.0.2.9 (nobody, 192.0.2.9:1) controller join : refused ` + "the token secretab has been used, at 2026-03-01 12:00:00 UTC: make another\n"
	if got := w.outcomes(); got != wantAudit {
		t.Errorf("the audit has\n%swant\n%s", got, wantAudit)
	}
}

func TestControllersThatMayNotJoinAreRefused(t *testing.T) {
	w := newWorld(t, Config{Limits: Limits{Members: 2, ControllerHosts: 1}})
	agentToken, userToken := w.token("s1"), want[access.Token](w, w.ask(root, access.AddUser{Name: "ann", Role: 1})).Text
	c2, c3, c4 := w.controllerToken("c2"), w.controllerToken("c3"), w.controllerToken("c4")
	join := func(text, name string, hosts ...string) access.Answer {
		return w.ask(nobody, access.JoinController{Token: text, Name: name, Hosts: hosts})
	}
	w.refused(join(agentToken, "s1"), access.Unproved, "is for an agent to join with (zeekfleet agent --join), and no controller can join with it")
	w.refused(join(userToken, "ann"), access.Unproved, "is for a user to log in with (zeekfleet login), and no controller can join with it")
	w.refused(w.ask(nobody, access.Join{Token: c2, Key: csr(t)}), access.Unproved, "is for a controller to join with (zeekfleet controller join), and no agent can join with it")
	w.refused(w.ask(nobody, access.Login{Token: c2, Key: csr(t)}), access.Unproved, "no user can log in with it")
	w.refused(join(c2, "c3"), access.Conflict, `is for controller "c2"`)
	w.refused(join(c2, "c2", "one host"), access.Invalid, "neither a host name")
	w.refused(join(c2, "c2", "a", "b"), access.Invalid, "at most 1 names of hosts")
	w.refused(w.ask(nobody, access.JoinController{Token: c2, Clock: w.now.Add(time.Hour)}), access.Unproved, "that of controller/c2 says")
	want[access.JoinedController](w, join(c2, "", "h"))
	w.refused(join(c3, "c3"), access.Limited, "the cluster has 2 controllers")
	w.setMembers("c2")
	w.refused(w.ask(root, access.CreateToken{Controller: "c2"}), access.Conflict, "belongs to the cluster already")
	w.refused(w.ask(root, access.CreateToken{Controller: "ctl"}), access.Conflict, "belongs to the cluster already")
	w.refused(w.ask(root, access.CreateToken{Controller: "c*"}), access.Invalid, "a token is for one controller")
	w.refused(w.ask(root, access.CreateToken{Controller: "a/b"}), access.Invalid, "is not a name")
	w.refused(w.ask(root, access.CreateToken{Controller: "c5", Instance: "s"}), access.Invalid, "not for both")
	w.refused(w.ask(root, access.CreateToken{Controller: "c5", Uses: 2}), access.Invalid, "works once")
	w.refused(w.ask(viewer, access.CreateToken{Controller: "c5"}), access.Forbidden, "token create")
	w.full = true
	w.refused(join(c4, "c4"), access.Limited, "")
	w.full = false
	w.setMembers()
	w.full = true
	w.refused(join(c3, "c3"), access.Failed, "the disk is full")
	w.full = false
	if got := w.places(); !slices.Equal(got, []string{"own"}) {
		t.Errorf("a refused controller has left %v", got)
	}
	want[access.JoinedController](w, join(c3, "c3"))
}

// A controller may fail on its way into the cluster, and try again with another token. One
// that never comes is forgotten.
func TestControllerThatHasJoinedIsAwaited(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.joinController("c2")
	w.setMembers() // it has not come yet
	w.holds("c2")
	second := w.joinController("c2")
	w.holds("c2")
	w.setMembers("c2")
	w.setMembers() // it was removed
	for _, text := range [][]byte{first.Certificate, second.Certificate} {
		if got := w.judge(text); !strings.Contains(got, "revoked") {
			t.Errorf("the certificate of a controller that was removed: %s", got)
		}
	}
	third := w.joinController("c3")
	w.wait(23 * time.Hour)
	w.holds("c3")
	w.wait(2 * time.Hour)
	if got := w.judge(third.Certificate); !strings.Contains(got, "revoked") {
		t.Errorf("the certificate of a controller that never came: %s", got)
	}
	if got := w.places(); !slices.Equal(got, []string{"own"}) {
		t.Errorf("stored are %v", got)
	}
	w.holds("ctl")
}

// Without members, the state is as programs know it that have no clusters of controllers.
func TestOneControllerKeepsItsPlace(t *testing.T) {
	w := newWorld(t, Config{})
	before := w.holds("ctl")
	w.restart()
	if got := w.places(); !slices.Equal(got, []string{"own"}) || w.holds("ctl") != before {
		t.Errorf("stored are %v", got)
	}
	w.setMembers("c2")
	if got := w.places(); !slices.Equal(got, []string{"own/c2", "own/ctl"}) || w.holds("ctl") != before {
		t.Errorf("stored are %v", got)
	}
	w.setMembers()
	if got := w.places(); !slices.Equal(got, []string{"own"}) || w.holds("ctl") != before {
		t.Errorf("stored are %v", got)
	}
}

// Another controller leads now, and does not know the members yet.
func TestMembersKeepTheirCertificatesWhenAnotherLeads(t *testing.T) {
	w := newWorld(t, Config{})
	w.joinController("c2", "192.0.2.2")
	w.setMembers("c2", "c3")
	before := map[string]string{}
	for _, name := range []string{"ctl", "c2", "c3"} {
		before[name] = w.holds(name)
	}
	w.start = Start{Cluster: "another", Name: "c2", Hosts: []string{"192.0.2.2"}}
	w.restart()
	w.step(MembersChanged{[]Member{{Name: "ctl", Hosts: []string{"192.0.2.1", "localhost"}}, {Name: "c3"}, {Name: "c2", Hosts: []string{"no host"}}}})
	after := map[string]string{"ctl": w.holds("ctl", "192.0.2.1"), "c2": w.holds("c2"), "c3": w.holds("c3")}
	if !maps.Equal(before, after) || w.view.Directory.Trust.Cluster != "testcluster" {
		t.Errorf("got the certificates %v, want %v", after, before)
	}
	if identity.Serial(w.own.Cert) != after["c2"] {
		t.Error("the shell shows the certificate of another controller")
	}
	w.step(MembersChanged{[]Member{{Name: "ctl", Hosts: []string{"new.example.org", "not a host"}}, {Name: "c3"}, {Name: "a/b"}}})
	if got := w.holds("ctl", "new.example.org"); got == before["ctl"] {
		t.Error("other hosts need another certificate")
	}
	// An older program has left the certificate of the only controller, which another follows.
	w = newWorld(t, Config{})
	serial := w.holds("ctl")
	w.start = Start{Cluster: "another", Name: "c2"}
	w.restart()
	if got := w.places(); !slices.Equal(got, []string{"own/c2", "own/ctl"}) || w.holds("ctl") != serial {
		t.Errorf("stored are %v", got)
	}
}

// All members get certificates of the new authority, when the old one goes.
func TestMembersFollowANewAuthority(t *testing.T) {
	w := newWorld(t, Config{})
	w.setMembers("c2", "c3")
	before := w.holds("c2")
	joined := w.join("sensor-1")
	old := w.authorities()[0].KeyHash
	want[access.Authorities](w, w.ask(root, access.RotateAuthority{Now: true}))
	for _, i := range w.authorities() {
		if slices.Contains(i.Awaited, controller("c2")) {
			t.Errorf("a member is awaited: %+v", i)
		}
	}
	if got := w.holds("c2"); got != before {
		t.Error("a member has moved before the agents")
	}
	w.step(CertificateUsed{Serial: serial(w, want[access.Joined](w, w.ask(nobody, access.Renew{
		Identity: agent("sensor-1"), Serial: serial(w, joined.Certificate), Key: csr(t),
	})).Certificate)})
	w.wait(time.Hour)
	if list := w.authorities(); len(list) != 1 || list[0].KeyHash == old {
		t.Fatalf("the authorities are %+v", list)
	}
	if got := w.holds("c2"); got == before {
		t.Error("a member has the certificate of an authority that is gone")
	}
	w.holds("c3")
	w.holds("ctl")
}

// The certificates of members are renewed in time, whoever leads.
func TestMembersCertificatesAreRenewed(t *testing.T) {
	w := newWorld(t, Config{CertificateLife: 48 * time.Hour})
	w.joinController("c2", "192.0.2.2", "c2.example.org")
	w.setMembers("c2")
	before := w.holds("c2")
	for range 20 {
		w.wait(12 * time.Hour)
		w.holds("c2", "192.0.2.2", "c2.example.org")
	}
	if w.holds("c2") == before {
		t.Error("it was not renewed")
	}
}

// TestMembersHaveCertificatesAndOthersNone makes controllers join, come, go and lead by
// chance. The clock stands, but for what awaits nobody.
func TestMembersHaveCertificatesAndOthersNone(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, Config{CertificateLife: 48 * time.Hour})
		listed, joined, gone := []string{}, map[string]bool{}, map[string]bool{}
		name := rapid.SampledFrom([]string{"c1", "c2", "c3", "c4"})
		for range rapid.IntRange(1, 12).Draw(rt, "events") {
			event := rapid.IntRange(0, 6).Draw(rt, "event")
			if w.full { // what was listed and could not be saved counts from the next list on
				event = []int{0, 6}[event%2]
			}
			switch event {
			case 0, 1:
				one := name.Draw(rt, "joins")
				made, ok := w.ask(root, access.CreateToken{Controller: one}).(access.Token)
				if !ok {
					continue
				}
				if _, ok := w.ask(nobody, access.JoinController{Token: made.Text}).(access.JoinedController); ok {
					joined[one] = true
					delete(gone, one)
				}
			case 2, 3:
				next := rapid.SliceOfNDistinct(name, 0, 4, rapid.ID).Draw(rt, "members")
				for _, one := range listed {
					gone[one] = true
				}
				for _, one := range next {
					delete(gone, one)
					delete(joined, one)
				}
				delete(gone, w.start.Name)
				listed = next
				w.setMembers(next...)
			case 4:
				w.restart()
				w.setMembers(listed...)
			case 5:
				w.start = Start{Cluster: "x", Name: rapid.SampledFrom(append([]string{"ctl"}, listed...)).Draw(rt, "leads")}
				listed = slices.DeleteFunc(append(listed, "ctl"), func(one string) bool { return one == w.start.Name })
				slices.Sort(listed)
				listed = slices.Compact(listed)
				delete(joined, w.start.Name)
				delete(gone, w.start.Name)
				delete(gone, "ctl")
				w.restart()
				w.setMembers(listed...)
			case 6:
				w.full = !w.full
				if !w.full {
					w.wait(time.Minute) // what could not be saved is tried again
				}
			}
			if !w.full {
				w.checkMembers(rt, listed, joined, gone)
			}
		}
	})
}

func (w *world) checkMembers(rt *rapid.T, listed []string, joined, gone map[string]bool) {
	for _, one := range append([]string{w.start.Name}, listed...) {
		w.holds(one)
	}
	for one := range joined {
		w.holds(one)
	}
	places := map[string]bool{}
	for _, place := range w.places() {
		places[place] = true
	}
	for one := range gone {
		if !joined[one] && (places["own/"+one] || one != w.start.Name && w.validControllers()[one]) {
			rt.Errorf("controller %s is gone, and has a certificate", one)
		}
	}
	others := map[string]bool{}
	for _, one := range listed {
		others[one] = true
	}
	maps.Copy(others, joined)
	delete(others, w.start.Name)
	if alone := len(others) == 0; alone != places["own"] || !alone && len(places) != len(others)+1 {
		rt.Errorf("%s leads, %v are listed and %v have joined, and stored are %v", w.start.Name, listed, joined, w.places())
	}
}

// validControllers returns the controllers with certificates that count.
func (w *world) validControllers() map[string]bool {
	valid := map[string]bool{}
	for _, c := range want[access.Certificates](w, w.ask(root, access.ListCertificates{})) {
		if c.Identity.Kind == identity.Controller && c.Revoked.IsZero() {
			valid[c.Identity.Name] = true
		}
	}
	return valid
}

func TestStateOfAMemberIsReadAgain(t *testing.T) {
	w := newWorld(t, Config{})
	w.joinController("c2")
	w.setMembers("c3")
	state, err := Restore(maps.Clone(w.disk))
	if err != nil {
		t.Fatal(err)
	}
	if got := Stored(state); fmt.Sprint(got) != fmt.Sprint(w.disk) {
		t.Errorf("got %s\nwant %s", got, w.disk)
	}
	if !state.Exists() {
		t.Error("there is no cluster")
	}
	empty, _ := Restore(nil)
	if view, own := Look(Config{}, empty, "ctl", w.now); own != nil || view.Directory == nil || empty.Exists() {
		t.Error("a state that is empty has a certificate")
	}
}

// A controller that follows may start before any has led.
func TestWithoutAStateTheSettingsAloneCount(t *testing.T) {
	org, err := identity.NewAuthority("organisation", epoch, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{"own authority": {}, "authority of an organisation": {Foreign: []*x509.Certificate{org.Cert}}} {
		view, own := Look(cfg, State{}, "ctl", epoch)
		if own != nil || len(view.Directory.Trust.Authorities) != len(cfg.Foreign) || len(view.Bearers) > 0 {
			t.Errorf("%s: got %+v, %v", name, view, own)
		}
		if _, err := view.Directory.Trust.Judge([]*x509.Certificate{org.Cert}, epoch); err == nil {
			t.Errorf("%s: a certificate without an identity counts", name)
		}
	}
}
