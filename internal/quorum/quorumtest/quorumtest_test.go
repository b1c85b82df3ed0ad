package quorumtest_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/quorum/quorumtest"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/storetest"
)

// closable is a store with a Close that does nothing, so that it can be opened again.
type closable struct{ store.Store }

func (closable) Close() error { return nil }

func TestStore(t *testing.T) {
	clusters := map[string]*quorumtest.Cluster{}
	storetest.Run(t, func(t *testing.T, s storetest.Settings) storetest.Store {
		if clusters[s.Place] == nil {
			clusters[s.Place] = quorumtest.NewCluster("c1")
			clusters[s.Place].MaxValue, clusters[s.Place].MaxSave = s.MaxValue, s.MaxSave
		}
		return closable{clusters[s.Place].Engine("c1").Store("part", quorum.Fence{})}
	})
}

// in runs a test in a bubble, with a cluster of three.
func in(t *testing.T, test func(t *testing.T, c *quorumtest.Cluster, e1, e2, e3 *quorumtest.Engine)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := quorumtest.NewCluster("c1", "c2", "c3")
		test(t, c, c.Engine("c1"), c.Engine("c2"), c.Engine("c3"))
	})
}

func begin(t *testing.T, e quorum.Engine, member string) quorum.Session {
	t.Helper()
	s, err := e.Begin(t.Context(), member, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func take(t *testing.T, e quorum.Engine, s quorum.Session, member string) quorum.Lead {
	t.Helper()
	lead, err := e.Take(t.Context(), s, member, 0)
	if err != nil {
		t.Fatal(err)
	}
	return lead
}

// is checks that an error wraps another one.
func is(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got the error %v, want %v", got, want)
	}
}

func TestALeadEndsWithItsSession(t *testing.T) {
	in(t, func(t *testing.T, c *quorumtest.Cluster, e1, e2, e3 *quorumtest.Engine) {
		s1, s2 := begin(t, e1, "c1"), begin(t, e2, "c2")
		first := take(t, e1, s1, "c1")
		_, err := e2.Take(t.Context(), s2, "c2", 0)
		is(t, err, quorum.ErrTaken)
		time.Sleep(4 * time.Second)
		is(t, e1.Renew(t.Context(), s1), nil)
		time.Sleep(4 * time.Second)
		if got := c.Lead(); got.Member != "c1" {
			t.Fatalf("4 s after it was renewed: got %+v, want that c1 leads", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		is(t, e1.Renew(t.Context(), s1), quorum.ErrSession)
		is(t, e2.Renew(t.Context(), s2), quorum.ErrSession)
		second := take(t, e2, begin(t, e2, "c2"), "c2")
		if second.Term != first.Term+1 || second.Token <= first.Token {
			t.Errorf("after %+v: got the lead %+v, want the next term and a greater token", first, second)
		}
	})
}

func TestAnOldFenceWritesNothing(t *testing.T) {
	in(t, func(t *testing.T, c *quorumtest.Cluster, e1, e2, _ *quorumtest.Engine) {
		old := quorum.Fence{Token: take(t, e1, begin(t, e1, "c1"), "c1").Token}
		put := []store.Change{{Key: "k", Value: []byte("v")}}
		if _, err := e1.Store("p", old).Save(t.Context(), put, 0); err != nil {
			t.Fatal(err)
		}
		c.Expire("c1")
		take(t, e2, begin(t, e2, "c2"), "c2")
		for _, f := range []quorum.Fence{old, {}} {
			_, err := e1.Store("p", f).Save(t.Context(), put, 1)
			is(t, err, store.ErrConflict)
			is(t, e1.Feed("f").Append(t.Context(), f, quorum.Batch{First: 1, Last: 1}), store.ErrConflict)
			is(t, e1.Feed("f").Trim(t.Context(), f, 1, 1), store.ErrConflict)
			is(t, e1.Archives().Put(t.Context(), f, "h", nil, strings.NewReader("")), store.ErrConflict)
			is(t, e1.Archives().Remove(t.Context(), f, "h"), store.ErrConflict)
			is(t, e1.Raise(t.Context(), f, 9), quorum.ErrTaken)
			is(t, e1.Resign(t.Context(), f, ""), quorum.ErrTaken)
		}
		if got := c.Writes(); len(got) != 1 || got[0].Term != 1 {
			t.Errorf("got the writes %+v, want one, in term 1", got)
		}
	})
}

func TestEnoughDoubtsEndALead(t *testing.T) {
	in(t, func(t *testing.T, c *quorumtest.Cluster, e1, e2, e3 *quorumtest.Engine) {
		s2, s3 := begin(t, e2, "c2"), begin(t, e3, "c3")
		lead := take(t, e1, begin(t, e1, "c1"), "c1")
		is(t, e2.Doubt(t.Context(), s2, "c2", lead.Token), nil)
		is(t, e2.End(t.Context(), lead.Token, 2), quorum.ErrTaken)
		is(t, e3.Doubt(t.Context(), s3, "c3", lead.Token), nil)
		is(t, e2.Trust(t.Context(), "c2", lead.Token), nil)
		is(t, e2.End(t.Context(), lead.Token, 2), quorum.ErrTaken)
		is(t, e2.Doubt(t.Context(), s2, "c2", lead.Token), nil)
		is(t, e3.EndSession(t.Context(), s3), nil) // its doubt goes with it
		is(t, e2.End(t.Context(), lead.Token, 2), quorum.ErrTaken)
		if diff := cmp.Diff([]string{"c2"}, c.Lead().Doubts); diff != "" {
			t.Errorf("doubts (-want +got):\n%s", diff)
		}
		is(t, e2.End(t.Context(), lead.Token, 1), nil)
		is(t, e2.End(t.Context(), lead.Token, 1), quorum.ErrTaken)
		next, err := e2.Take(t.Context(), s2, "c2", 40)
		is(t, err, nil)
		is(t, e2.Raise(t.Context(), quorum.Fence{Token: next.Token}, 50), nil)
		if got := c.Lead(); got.Term != 50 || got.Token != next.Token || len(got.Doubts) != 0 {
			t.Errorf("got the lead %+v, want term 50, the same token and no doubts", got)
		}
	})
}

func TestWatches(t *testing.T) {
	in(t, func(t *testing.T, c *quorumtest.Cluster, e1, e2, _ *quorumtest.Engine) {
		var leads []string
		var announced []int
		changes := 0
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 3)
		go func() {
			ended <- e2.WatchLead(ctx, func(l quorum.Lead) { leads = append(leads, l.Member) })
		}()
		go func() {
			ended <- e2.WatchAnnounced(ctx, func(all map[string][]byte) { announced = append(announced, len(all)) })
		}()
		go func() { ended <- e2.Changed(ctx, "p", func() { changes++ }) }()
		synctest.Wait()
		lead := take(t, e1, begin(t, e1, "c1"), "c1")
		synctest.Wait()
		e2.Cut(true)
		is(t, e1.Announce(t.Context(), "c1", []byte("here")), nil)
		if _, err := e1.Store("p", quorum.Fence{Token: lead.Token}).Save(t.Context(), nil, 0); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(announced) != 1 || changes != 0 {
			t.Errorf("while it is cut off: got %v announcements and %d changes, want none new", announced, changes)
		}
		e2.Cut(false)
		synctest.Wait()
		if diff := cmp.Diff([]string{"", "c1"}, leads); diff != "" || !slices.Equal(announced, []int{0, 1}) || changes != 1 {
			t.Errorf("got leads %v, announcements %v and %d changes", leads, announced, changes)
		}
		e2.Break()
		cancel()
		for range 3 {
			if err := <-ended; err == nil {
				t.Error("a watch that broke: got no error")
			}
		}
	})
}

func TestFeeds(t *testing.T) {
	in(t, func(t *testing.T, c *quorumtest.Cluster, e1, e2, _ *quorumtest.Engine) {
		f := quorum.Fence{Token: take(t, e1, begin(t, e1, "c1"), "c1").Token}
		var followed []uint64
		stop := errors.New("enough")
		ended := make(chan error, 1)
		go func() {
			ended <- e2.Feed("audit").Follow(t.Context(), 0, func(b quorum.Batch) error {
				followed = append(followed, b.Last)
				if b.Last == 9 {
					return stop
				}
				return nil
			})
		}()
		feed := e1.Feed("audit")
		for _, b := range []quorum.Batch{{First: 1, Last: 3, Lines: []byte("abc")}, {First: 4, Last: 4, Lines: []byte("d")}, {First: 7, Last: 9, Lines: []byte("xyz")}} {
			is(t, feed.Append(t.Context(), f, b), nil)
			synctest.Wait()
		}
		is(t, feed.Append(t.Context(), f, quorum.Batch{First: 9, Last: 10}), store.ErrConflict)
		is(t, feed.Append(t.Context(), f, quorum.Batch{First: 10, Last: 10, Lines: make([]byte, 512<<10+1)}), store.ErrTooLarge)
		is(t, <-ended, stop)
		read := func(after uint64) string {
			var got []byte
			is(t, feed.Read(t.Context(), after, func(b quorum.Batch) error { got = append(got, b.Lines...); return nil }), nil)
			return string(got)
		}
		if got := read(2) + " " + read(3) + " " + read(9); got != "abcdxyz dxyz " {
			t.Errorf("read %q", got)
		}
		is(t, feed.Trim(t.Context(), f, 4, 100), nil)
		if got := read(0); got != "dxyz" {
			t.Errorf("after trimming to 4 records: read %q", got)
		}
		is(t, feed.Trim(t.Context(), f, 0, 0), nil)
		if got := read(0); got != "xyz" || !slices.Equal(followed, []uint64{3, 4, 9}) {
			t.Errorf("after trimming to nothing: read %q; followed %v", got, followed)
		}
	})
}

func TestArchives(t *testing.T) {
	in(t, func(t *testing.T, c *quorumtest.Cluster, e1, e2, _ *quorumtest.Engine) {
		f := quorum.Fence{Token: take(t, e1, begin(t, e1, "c1"), "c1").Token}
		a := e1.Archives()
		is(t, a.Put(t.Context(), f, "h", []byte("old"), nil), fs.ErrNotExist)
		is(t, a.Put(t.Context(), f, "h", []byte("old"), strings.NewReader("content")), nil)
		is(t, a.Put(t.Context(), f, "h", []byte("new"), nil), nil)
		var got bytes.Buffer
		is(t, e2.Archives().Fetch(t.Context(), "h", &got), nil)
		list, err := e2.Archives().List(t.Context())
		if err != nil || got.String() != "content" || string(list["h"]) != "new" {
			t.Errorf("got %q, %q and %v", got.String(), list, err)
		}
		is(t, a.Remove(t.Context(), f, "h"), nil)
		is(t, a.Fetch(t.Context(), "h", &got), fs.ErrNotExist)
	})
}

func TestMembers(t *testing.T) {
	in(t, func(t *testing.T, c *quorumtest.Cluster, e1, e2, e3 *quorumtest.Engine) {
		added, all, err := e1.Add(t.Context(), "https://c4:2152")
		if err != nil || len(all) != 4 || !added.Learner {
			t.Fatalf("Add: got %+v, %+v, %v", added, all, err)
		}
		if err := e1.Promote(t.Context(), added.ID); err == nil {
			t.Error("Promote of a member that was never started: got no error")
		}
		e4 := c.Engine("c4")
		c.SetLag("c4", 7)
		if err := e1.Promote(t.Context(), added.ID); err == nil {
			t.Error("Promote of a member that is behind: got no error")
		}
		c.SetLag("c4", 0)
		is(t, e1.Promote(t.Context(), e4.Self()), nil)
		e2.Cut(true)
		health, err := e1.Health(t.Context())
		if err != nil || len(health) != 4 || health[1].Err == "" || !health[0].Leader || health[3].Name != "c4" {
			t.Errorf("got the health %+v and %v", health, err)
		}
		is(t, e1.Remove(t.Context(), e3.Self()), nil)
		if _, err := e3.Members(t.Context()); err == nil {
			t.Error("a call of a removed member: got no error")
		}
	})
}

func TestAnswersThatAreLost(t *testing.T) {
	in(t, func(t *testing.T, c *quorumtest.Cluster, e1, _, _ *quorumtest.Engine) {
		s := e1.Store("p", quorum.Fence{})
		save := func(replaces store.Revision) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := s.Save(ctx, []store.Change{{Key: "k", Value: []byte("v")}}, replaces)
			return err
		}
		e1.LoseAnswers(true)
		is(t, save(0), context.DeadlineExceeded)
		time.AfterFunc(time.Second/2, func() { e1.LoseAnswers(false) })
		is(t, save(1), quorumtest.ErrLost)
		e1.Cut(true)
		is(t, save(2), context.DeadlineExceeded)
		e1.Cut(false)
		e1.Slow(time.Second / 2)
		begun := time.Now()
		is(t, save(2), nil) // the call that was cut off has done nothing
		if took := time.Since(begun); took != time.Second/2 {
			t.Errorf("a slow call took %v, want 500ms", took)
		}
		is(t, e1.Close(), nil)
		if err := save(3); err == nil {
			t.Error("a call after Close: got no error")
		}
	})
}
