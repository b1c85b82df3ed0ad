package authority_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	. "github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// authorities lists the authorities: each with the identities that it waits for.
func (w *world) authorities() access.Authorities {
	w.Helper()
	return want[access.Authorities](w, w.ask(viewer, access.ListAuthorities{}))
}

// renew renews the certificate of an agent.
func (w *world) renew(name string, old []byte) access.Joined {
	w.Helper()
	return want[access.Joined](w, w.ask(nobody, access.Renew{Identity: agent(name), Serial: serial(w, old), Key: csr(w), NodeKey: csr(w)}))
}

// trusts checks whether somebody who trusts these authorities believes the controller.
func (w *world) trusts(authorities []byte, want bool) {
	w.Helper()
	trust := &identity.Trust{Cluster: "testcluster", Authorities: parse(w, authorities)}
	id, err := trust.Judge(parse(w, identity.CertPEM(w.own.Cert)), w.now)
	if got := err == nil && id.String() == "controller/ctl"; got != want {
		w.Errorf("the controller is believed: %v, %v", got, err)
	}
}

func TestRotationWaitsForEachAgent(t *testing.T) {
	w := newWorld(t, Config{})
	one, two := w.join("sensor-1"), w.join("sensor-2")
	nodes := one.NodeAuthorities
	old := w.authorities()[0]
	if !old.Created.Equal(epoch) {
		t.Errorf("it was made at %v", old.Created)
	}
	list := want[access.Authorities](w, w.ask(root, access.RotateAuthority{}))
	if len(list) != 2 || !list[0].Signing || list[1].Signing || list[1].KeyHash != old.KeyHash ||
		!slices.Equal(list[1].Awaited, []identity.Identity{agent("sensor-1"), agent("sensor-2")}) {
		t.Fatalf("the authorities are %+v", list)
	}
	w.refused(w.ask(root, access.RotateAuthority{}), access.Conflict, "is being replaced already, and agent/sensor-1, agent/sensor-2 are awaited: revoke")
	// An agent that was away trusts only the old one.
	w.trusts(one.Authorities, true)

	renewed := w.renew("sensor-1", one.Certificate)
	w.trusts(renewed.Authorities, true)
	if got := parse(t, renewed.Certificate)[0].CheckSignatureFrom(parse(t, renewed.Authorities)[0]); got != nil {
		t.Errorf("the new authority has not signed: %v", got)
	}
	// The answer may be lost. So the old one still counts for both.
	if got := w.authorities()[1].Awaited; len(got) != 2 {
		t.Errorf("it waits for %v", got)
	}
	w.step(CertificateUsed{Serial: serial(t, renewed.Certificate)})
	if got := w.authorities()[1].Awaited; !slices.Equal(got, []identity.Identity{agent("sensor-2")}) {
		t.Errorf("it waits for %v", got)
	}
	w.restart()
	for _, text := range [][]byte{one.Certificate, two.Certificate, renewed.Certificate} {
		if got := w.judge(text); !strings.HasPrefix(got, "agent/") {
			t.Errorf("got %s", got)
		}
	}

	// The second one gets its certificate, and never shows it.
	second := w.renew("sensor-2", two.Certificate)
	w.wait(10*time.Minute - time.Second)
	if n := len(w.authorities()); n != 2 {
		t.Errorf("there are %d authorities", n)
	}
	w.wait(time.Second)
	if list := w.authorities(); len(list) != 1 || !list[0].Signing || list[0].KeyHash == old.KeyHash {
		t.Errorf("the authorities are %+v", list)
	}
	w.trusts(second.Authorities, true)
	w.trusts(one.Authorities, false)
	if got := w.judge(one.Certificate); !strings.Contains(got, "none of our authorities has signed the certificate of agent/sensor-1") {
		t.Errorf("got %s", got)
	}
	if third := w.join("sensor-3"); string(third.NodeAuthorities) != string(nodes) {
		t.Error("the authority of nodes has changed")
	}
}

func TestRevokingAnAgentThatNeverReturnsEndsTheRotation(t *testing.T) {
	w := newWorld(t, Config{})
	w.join("gone")
	w.ask(root, access.RotateAuthority{})
	if n := len(w.authorities()); n != 2 {
		t.Fatalf("there are %d authorities", n)
	}
	want[access.Done](w, w.ask(root, access.RevokeCertificate{Identity: agent("gone")}))
	if n := len(w.authorities()); n != 1 {
		t.Errorf("there are %d authorities", n)
	}
}

// TestUsersAreAwaitedUntilTheirCertificatesEnd has two users who run no command for long.
// One has a certificate for a year.
func TestUsersAreAwaitedUntilTheirCertificatesEnd(t *testing.T) {
	w := newWorld(t, Config{})
	ann, bob := w.login("ann", mgmt.Admin), w.login("bob", mgmt.Viewer)
	year := w.signed(identity.User, "bob", 365*24*time.Hour)
	w.wait(24 * time.Hour)
	list := want[access.Authorities](w, w.ask(root, access.RotateAuthority{}))
	if until := epoch.Add(31 * 24 * time.Hour); len(list) != 2 || !list[1].Until.Equal(until) || !list[0].Until.IsZero() {
		t.Errorf("the authorities are %+v, want the old one until %v", list, until)
	}
	w.wait(28 * 24 * time.Hour)
	next := want[access.Certificate](w, w.ask(nobody, access.Renew{Identity: user("ann"), Serial: ann.Serial, Key: csr(t)}))
	if list := w.authorities(); len(list) != 2 || !slices.Equal(list[1].Renewed, []identity.Identity{user("ann")}) {
		t.Errorf("the authorities are %+v, want that ann has renewed", list)
	}
	w.wait(24*time.Hour - time.Second)
	for _, text := range [][]byte{bob.Certificate, year.Certificate, next.Certificate} {
		if got := w.judge(text); !strings.HasPrefix(got, "user/") {
			t.Errorf("got %s", got)
		}
	}
	w.wait(24*time.Hour + time.Second)
	if got := w.judge(next.Certificate); got != "user/ann" || len(w.authorities()) != 1 {
		t.Errorf("ann: %s; the authorities are %+v", got, w.authorities())
	}
	if got := w.judge(year.Certificate); !strings.Contains(got, "none of our authorities") {
		t.Errorf("bob: %s", got)
	}
}

// TestRotationIsHurried hurries a rotation that has begun.
func TestRotationIsHurried(t *testing.T) {
	w := newWorld(t, Config{})
	w.login("ann", mgmt.Admin)
	w.ask(root, access.RotateAuthority{})
	w.wait(time.Hour)
	w.refused(w.ask(root, access.RotateAuthority{}), access.Conflict, "user/ann is awaited: revoke the certificates of an agent that never returns (zeekfleet cert revoke), and do not wait for users (zeekfleet ca rotate --now)")
	w.restart()
	if list := w.authorities(); len(list) != 2 {
		t.Errorf("the authorities are %+v", list)
	}
	want[access.Authorities](w, w.ask(root, access.RotateAuthority{Now: true}))
	if list := w.authorities(); len(list) != 1 {
		t.Errorf("hurried, the authorities are %+v", list)
	}
}

func TestUsersAreAwaitedForAShortTimeInAHurry(t *testing.T) {
	w := newWorld(t, Config{})
	ann, bob := w.login("ann", mgmt.Admin), w.login("bob", mgmt.Viewer)
	list := want[access.Authorities](w, w.ask(root, access.RotateAuthority{Now: true}))
	if want := []identity.Identity{user("ann"), user("bob")}; len(list) != 2 || !slices.Equal(list[1].Awaited, want) {
		t.Errorf("the authorities are %+v", list)
	}
	next := want[access.Certificate](w, w.ask(nobody, access.Renew{Identity: user("ann"), Serial: ann.Serial, Key: csr(t)}))
	w.restart()
	w.wait(10*time.Minute - time.Second)
	for _, text := range [][]byte{ann.Certificate, bob.Certificate, next.Certificate} {
		if got := w.judge(text); !strings.HasPrefix(got, "user/") {
			t.Errorf("got %s", got)
		}
	}
	w.wait(time.Second)
	if got := w.judge(next.Certificate); got != "user/ann" {
		t.Errorf("ann: %s", got)
	}
	if got := w.judge(bob.Certificate); !strings.Contains(got, "none of our authorities") {
		t.Errorf("bob: %s", got)
	}
}

func TestRotationWithoutAgentsEndsAtOnce(t *testing.T) {
	w := newWorld(t, Config{})
	text, before := w.token("s"), w.authorities()
	w.ask(root, access.RotateAuthority{})
	if after := w.authorities(); len(after) != 1 || after[0].KeyHash == before[0].KeyHash {
		t.Errorf("the authorities are %+v", after)
	}
	w.refused(w.ask(nobody, access.Join{Token: text, Key: csr(t)}), access.Unproved, "or of an authority that has been replaced")
	w.join("s")
	w.trusts(identity.CertPEM(w.view.Directory.Trust.Authorities...), true)
}

func TestExpiredAgentIsNotAwaited(t *testing.T) {
	w := newWorld(t, Config{CertificateLife: time.Hour})
	w.join("s")
	w.ask(root, access.RotateAuthority{})
	w.wait(time.Hour - time.Second)
	if n := len(w.authorities()); n != 2 {
		t.Errorf("there are %d authorities", n)
	}
	w.wait(time.Second)
	if n := len(w.authorities()); n != 1 {
		t.Errorf("there are %d authorities", n)
	}
}

func TestRotationThatCannotBeSavedDoesNotBegin(t *testing.T) {
	w := newWorld(t, Config{})
	w.join("s")
	w.full = true
	w.refused(w.ask(root, access.RotateAuthority{}), access.Failed, "the disk is full")
	w.full = false
	if n := len(w.authorities()); n != 1 || len(w.view.Directory.Trust.Authorities) != 1 {
		t.Errorf("there are %d authorities", n)
	}
}

func TestControllerRenewsItsOwnCertificate(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.own.Cert
	w.wait(20*24*time.Hour - time.Second)
	if w.own.Cert != first {
		t.Error("it was renewed too early")
	}
	w.wait(2 * time.Second)
	if w.own.Cert == first || !w.own.Cert.NotAfter.Equal(epoch.Add(50*24*time.Hour)) {
		t.Errorf("it was not renewed in time: it ends at %v", w.own.Cert.NotAfter)
	}
	second := w.own.Cert
	w.restart()
	if !w.own.Cert.Equal(second) {
		t.Error("a restart renews it")
	}
	if err := second.VerifyHostname("192.0.2.1"); err != nil {
		t.Error(err)
	}
	w.start.Hosts = []string{"198.51.100.1"}
	w.restart()
	if err := w.own.Cert.VerifyHostname("198.51.100.1"); err != nil {
		t.Error(err)
	}
	want[access.Done](w, w.ask(root, access.RevokeCertificate{Serial: identity.Serial(w.own.Cert)}))
	if got := w.judge(identity.CertPEM(w.own.Cert)); got != "controller/ctl" {
		t.Errorf("after it was revoked: %s", got)
	}
	before := w.own.Cert
	w.start.Name = "renamed"
	w.restart()
	if got := w.judge(identity.CertPEM(before)); got != "the certificate of controller/ctl was revoked" {
		t.Errorf("the certificate of the old name: %s", got)
	}
}

func TestUpkeepThatCannotBeSavedIsTriedAgain(t *testing.T) {
	w := newWorld(t, Config{})
	first := w.own.Cert
	w.full = true
	w.wait(21 * 24 * time.Hour)
	if w.own.Cert != first {
		t.Error("a certificate is used that was not saved")
	}
	w.full = false
	w.wait(10 * time.Second)
	if w.own.Cert == first {
		t.Error("it was not tried again")
	}
}

func TestWrongClockIsNamed(t *testing.T) {
	w := newWorld(t, Config{})
	state, err := Restore(w.disk)
	if err != nil {
		t.Fatal(err)
	}
	for _, good := range []time.Time{epoch, epoch.Add(-time.Hour), epoch.Add(-2 * time.Hour)} {
		if err := state.CheckClock(good); err != nil {
			t.Errorf("at %v: %v", good, err)
		}
	}
	for now, want := range map[time.Time]string{
		epoch.Add(-3 * time.Hour):              "the authority of this cluster is valid from 2026-03-01 11:55:00 UTC on, and this host's clock says 2026-03-01 09:00:00 UTC: the clock is wrong by 2h55m or more; set it, and start again",
		epoch.Add(20 * identity.AuthorityLife): "the authority of this cluster expired at 2036-02-27 12:00:00 UTC, and this host's clock says 2226-",
	} {
		if err := state.CheckClock(now); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}
