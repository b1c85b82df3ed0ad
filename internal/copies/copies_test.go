package copies_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/copies"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/quorum/quorumtest"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// controller is one controller of a cluster, as far as its files are concerned.
type controller struct {
	t        *testing.T
	name     string
	engine   *quorumtest.Engine
	copies   *copies.Copies
	audit    *audit.Log
	events   *happenings.Log
	archives *archives
}

func newController(t *testing.T, of *quorumtest.Cluster, name string) *controller {
	t.Helper()
	c := &controller{t: t, name: name, engine: of.Engine(name), archives: &archives{held: map[string]held{}}}
	c.copies = copies.New(copies.Config{Engine: c.engine, Scratch: t.TempDir(), Retry: time.Millisecond})
	dir := t.TempDir()
	var err error
	if c.audit, err = audit.Open(audit.Config{Dir: filepath.Join(dir, "audit"), Share: c.copies.ShareAudit}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.audit.Close() })
	if c.events, err = happenings.Open(happenings.Config{Dir: filepath.Join(dir, "happenings"), Share: c.copies.ShareEvents}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.events.Close() })
	c.copies.Use(c.audit, c.events, c.archives)
	return c
}

// run copies until the end of the test.
func (c *controller) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.copies.Run(ctx) })
	c.t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

// lead makes the controller lead.
func (c *controller) lead() (stop func()) {
	c.t.Helper()
	ctx := c.t.Context()
	if now := c.leader(); now.Token != 0 {
		if err := c.engine.Resign(ctx, quorum.Fence{Token: now.Token}, ""); err != nil {
			c.t.Fatal(err)
		}
	}
	s, err := c.engine.Begin(ctx, c.name, time.Hour)
	if err != nil {
		c.t.Fatal(err)
	}
	lead, err := c.engine.Take(ctx, s, c.name, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.copies.CatchUp(ctx); err != nil {
		c.t.Fatal(err)
	}
	return c.copies.Lead(quorum.Fence{Token: lead.Token})
}

func (c *controller) leader() (lead quorum.Lead) {
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	c.engine.WatchLead(ctx, func(l quorum.Lead) { lead = l; cancel() })
	return lead
}

func (c *controller) record(n int) {
	c.t.Helper()
	rec := mgmt.AuditRecord{Time: time.Unix(int64(n), 0).UTC(), Who: "ann", Role: mgmt.Admin, Request: "deploy", Subject: fmt.Sprint(n), Outcome: mgmt.AuditDone}
	if err := c.audit.Append(rec); err != nil {
		c.t.Fatal(err)
	}
	h := happenings.Record{Happening: mgmt.Happening{Time: time.Unix(int64(n), 0).UTC(), Kind: mgmt.HappenedController, Cause: fmt.Sprint(n)}}
	if err := c.events.Append([]happenings.Record{h}); err != nil {
		c.t.Fatal(err)
	}
}

// subjects returns the subjects of the records in both logs.
func (c *controller) subjects() (audited, happened []string) {
	c.t.Helper()
	recs, err := c.audit.Read(audit.Query{})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, r := range recs {
		audited = append(audited, r.Subject)
	}
	hs, err := c.events.Read(happenings.Query{})
	if err != nil {
		c.t.Fatal(err)
	}
	for _, h := range hs {
		happened = append(happened, h.Cause)
	}
	return audited, happened
}

// await waits until both logs have records up to a number.
func (c *controller) await(n uint64) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience.Limit)
	defer cancel()
	if err := errors.Join(c.audit.Wait(ctx, n-1), c.events.Wait(ctx, n-1)); err != nil {
		c.t.Fatal(err)
	}
}

func same(t *testing.T, a, b *controller) {
	t.Helper()
	audited, happened := a.subjects()
	alsoAudited, alsoHappened := b.subjects()
	if diff := cmp.Diff(audited, alsoAudited); diff != "" {
		t.Errorf("the audits differ:\n%s", diff)
	}
	if diff := cmp.Diff(happened, alsoHappened); diff != "" {
		t.Errorf("the logs of what happens differ:\n%s", diff)
	}
}

func TestFollowersHaveWhatTheLeaderWrites(t *testing.T) {
	of := quorumtest.NewCluster("a", "b")
	a, b := newController(t, of, "a"), newController(t, of, "b")
	a.run()
	b.run()
	defer a.lead()()
	for n := range 20 {
		a.record(n + 1)
	}
	b.await(20)
	same(t, a, b)
	if audited, _ := b.subjects(); len(audited) != 20 {
		t.Errorf("there are %d records, want 20", len(audited))
	}
}

// A controller that begins to lead has everything first, and goes on with the next number.
func TestTheNextLeaderGoesOn(t *testing.T) {
	of := quorumtest.NewCluster("a", "b")
	a, b := newController(t, of, "a"), newController(t, of, "b") // neither copies in the background
	stop := a.lead()
	a.record(1)
	a.record(2)
	stop()
	defer b.lead()()
	b.record(3)
	if err := a.copies.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	same(t, a, b)
	if audited, happened := a.subjects(); !cmp.Equal(audited, []string{"1", "2", "3"}) || !cmp.Equal(happened, []string{"1", "2", "3"}) {
		t.Errorf("got %v and %v", audited, happened)
	}
}

// Whoever leads no more writes nothing, neither in the store nor on its own disk.
func TestADeposedLeaderWritesNothing(t *testing.T) {
	of := quorumtest.NewCluster("a", "b")
	a, b := newController(t, of, "a"), newController(t, of, "b")
	a.lead() // it does not notice its end
	a.record(1)
	defer b.lead()()
	err := a.audit.Append(mgmt.AuditRecord{Who: "ann", Request: "deploy", Outcome: mgmt.AuditDone})
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("audit: got %v, want ErrConflict", err)
	}
	err = a.events.Append([]happenings.Record{{Happening: mgmt.Happening{Kind: mgmt.HappenedController}}})
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("events: got %v, want ErrConflict", err)
	}
	if err := a.copies.ShareArchive("x", []byte("about"), nil); !errors.Is(err, store.ErrConflict) {
		t.Errorf("archive: got %v, want ErrConflict", err)
	}
	same(t, a, b)
}

func TestAFollowerSharesNothing(t *testing.T) {
	of := quorumtest.NewCluster("a")
	a := newController(t, of, "a")
	if err := a.audit.Append(mgmt.AuditRecord{Who: "ann", Request: "deploy"}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
	if err := a.copies.ForgetArchive("x"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("got %v, want ErrConflict", err)
	}
}

// archives are the archives of one controller, in memory.
type archives struct {
	mu   sync.Mutex
	held map[string]held
	// changed, if not nil, is told after each change.
	changed chan struct{}
}

type held struct{ about, content []byte }

func (a *archives) tell() {
	if a.changed != nil {
		a.changed <- struct{}{}
	}
}

func (a *archives) Held() (map[string][]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := map[string][]byte{}
	for hash, h := range a.held {
		all[hash] = h.about
	}
	return all, nil
}

func (a *archives) Take(hash string, about []byte, content io.Reader) error {
	text := a.content(hash)
	if content != nil {
		var err error
		if text, err = io.ReadAll(content); err != nil {
			return err
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != hash {
			return errors.New("another hash")
		}
	}
	a.mu.Lock()
	a.held[hash] = held{about, text}
	a.mu.Unlock()
	a.tell()
	return nil
}

func (a *archives) Forget(hash string) error {
	a.mu.Lock()
	delete(a.held, hash)
	a.mu.Unlock()
	a.tell()
	return nil
}

func (a *archives) content(hash string) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.held[hash].content
}

func opening(text []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
}

func TestArchivesAreCopiedAndForgotten(t *testing.T) {
	of := quorumtest.NewCluster("a", "b")
	a, b := newController(t, of, "a"), newController(t, of, "b")
	b.archives.changed = make(chan struct{})
	b.run()
	defer a.lead()()
	text := bytes.Repeat([]byte("bundle"), 1000)
	sum := sha256.Sum256(text)
	hash := hex.EncodeToString(sum[:])
	steps := []struct {
		what string
		do   func() error
		want map[string][]byte
	}{
		{"it was pushed", func() error { return a.copies.ShareArchive(hash, []byte("one"), opening(text)) }, map[string][]byte{hash: []byte("one")}},
		{"it was pushed again", func() error { return a.copies.ShareArchive(hash, []byte("two"), nil) }, map[string][]byte{hash: []byte("two")}},
		{"it was removed", func() error { return a.copies.ForgetArchive(hash) }, map[string][]byte{}},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatal(err)
		}
		patience.Next(t, b.archives.changed, s.what)
		if got, _ := b.archives.Held(); !cmp.Equal(got, s.want) {
			t.Errorf("%s: got %q, want %q", s.what, got, s.want)
		}
		if len(s.want) > 0 && !bytes.Equal(b.archives.content(hash), text) {
			t.Errorf("%s: the content is another one", s.what)
		}
	}
}

// A list that is older than what this controller has just shared itself must not remove it.
func TestALeaderForgetsNothingForAnOldList(t *testing.T) {
	of := quorumtest.NewCluster("a")
	a := newController(t, of, "a")
	stop := a.lead()
	a.archives.held["h"] = held{about: []byte("new")}
	if err := a.copies.CopyArchives(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if len(a.archives.held) != 1 {
		t.Error("it is gone")
	}
	stop()
	if err := a.copies.CopyArchives(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if len(a.archives.held) != 0 {
		t.Error("a follower keeps what is shared no more")
	}
}
