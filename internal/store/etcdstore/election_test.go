package etcdstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
)

const ttl = time.Minute // no session of a test ends by itself unless the test wants it

// begin begins a session that ends with the test.
func begin(t *testing.T, e quorum.Engine, member string) quorum.Session {
	t.Helper()
	s, err := e.Begin(t.Context(), member, ttl)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.EndSession(context.Background(), s); err != nil && !errors.Is(err, quorum.ErrSession) {
			t.Error(err)
		}
	})
	return s
}

func take(t *testing.T, e quorum.Engine, s quorum.Session, member string) quorum.Lead {
	t.Helper()
	lead, err := e.Take(t.Context(), s, member, 0)
	if err != nil {
		t.Fatalf("Take of %s: %v", member, err)
	}
	return lead
}

// resign ends a lead at the end of a test, so that nobody leads in the next one.
func resign(t *testing.T, e quorum.Engine, lead quorum.Lead) {
	t.Helper()
	t.Cleanup(func() {
		if err := e.Resign(context.Background(), fence(lead), ""); err != nil && !errors.Is(err, quorum.ErrTaken) {
			t.Error(err)
		}
	})
}

func fence(l quorum.Lead) quorum.Fence { return quorum.Fence{Token: l.Token} }

func want(t *testing.T, doing string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got %v, want %v", doing, got, want)
	}
}

func done(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

func TestOneMemberLeads(t *testing.T) {
	one, two := begin(t, single, "one"), begin(t, single, "two")
	first := take(t, single, one, "one")
	resign(t, single, first)
	if first.Member != "one" || first.Token == 0 || first.Term == 0 {
		t.Errorf("Take: got %+v", first)
	}
	_, err := single.Take(t.Context(), two, "two", 0)
	want(t, "Take of another member", err, quorum.ErrTaken)
	if diff := cmp.Diff(first, take(t, single, one, "one")); diff != "" {
		t.Errorf("Take again, as after a lost answer (-want +got):\n%s", diff)
	}
	done(t, "Resign", single.Resign(t.Context(), fence(first), ""))
	want(t, "Resign again", single.Resign(t.Context(), fence(first), ""), quorum.ErrTaken)
	second, err := single.Take(t.Context(), two, "two", first.Term+10)
	done(t, "Take after Resign", err)
	resign(t, single, second)
	if second.Term != first.Term+10 || second.Token <= first.Token {
		t.Errorf("Take: got %+v after %+v, want a greater token, and the term asked for", second, first)
	}
}

// Who resigns names the controller that is to lead next. That is gone when somebody has led since.
func TestHeirs(t *testing.T) {
	heir := func() string {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var lead quorum.Lead
		single.WatchLead(ctx, func(l quorum.Lead) { lead = l; cancel() })
		return lead.Heir
	}
	session := begin(t, single, "one")
	first := take(t, single, session, "one")
	resign(t, single, first)
	done(t, "Raise", single.Raise(t.Context(), fence(first), first.Term+5))
	want(t, "Resign of another lead", single.Resign(t.Context(), quorum.Fence{Token: first.Token - 1}, "two"), quorum.ErrTaken)
	done(t, "Resign", single.Resign(t.Context(), fence(first), "two"))
	if got := heir(); got != "two" {
		t.Errorf("the heir is %q, want two", got)
	}
	second := take(t, single, session, "one")
	resign(t, single, second)
	if got := heir(); got != "" {
		t.Errorf("while one leads, the heir is %q", got)
	}
	done(t, "Resign", single.Resign(t.Context(), fence(second), ""))
	if got := heir(); got != "" {
		t.Errorf("the heir is %q, and the last one has named nobody", got)
	}
}

func TestRaisedTermKeepsTheToken(t *testing.T) {
	one := begin(t, single, "one")
	lead := take(t, single, one, "one")
	resign(t, single, lead)
	raised := lead.Term + 100
	done(t, "Raise", single.Raise(t.Context(), fence(lead), raised))
	done(t, "Raise to a lower term", single.Raise(t.Context(), fence(lead), lead.Term))
	now := leadNow(t, single)
	if now.Term != raised || now.Token != lead.Token || now.Member != "one" {
		t.Errorf("after Raise: got %+v, want term %d of the same lead", now, raised)
	}
	done(t, "EndSession", single.EndSession(t.Context(), one))
	if now := leadNow(t, single); now.Member != "" || now.Token != 0 || now.Term != raised {
		t.Errorf("after the end of the session: got %+v, want nobody, and the last term", now)
	}
	want(t, "Raise of an ended lead", single.Raise(t.Context(), fence(lead), raised+1), quorum.ErrTaken)
	next := take(t, single, begin(t, single, "two"), "two")
	resign(t, single, next)
	if next.Term != raised+1 {
		t.Errorf("next lead: got term %d, want %d", next.Term, raised+1)
	}
}

// leadNow returns who leads.
func leadNow(t *testing.T, e quorum.Engine) quorum.Lead {
	t.Helper()
	return await(t, e, func(quorum.Lead) bool { return true })
}

// await returns the first lead that a watch sees for which ok returns true.
func await(t *testing.T, e quorum.Engine, ok func(quorum.Lead) bool) (found quorum.Lead) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	enough := errors.New("enough")
	watching, stop := context.WithCancelCause(ctx)
	err := e.WatchLead(watching, func(l quorum.Lead) {
		if ok(l) && watching.Err() == nil {
			found = l
			stop(enough)
		}
	})
	want(t, "WatchLead", err, enough)
	return found
}

func TestDoubtsEndALead(t *testing.T) {
	sessions := map[string]quorum.Session{}
	for _, m := range []string{"one", "two", "three"} {
		sessions[m] = begin(t, single, m)
	}
	lead := take(t, single, sessions["one"], "one")
	resign(t, single, lead)
	live, err := single.Live(t.Context())
	if diff := cmp.Diff([]string{"one", "three", "two"}, live); err != nil || diff != "" {
		t.Errorf("Live: %v (-want +got):\n%s", err, diff)
	}

	done(t, "Doubt", single.Doubt(t.Context(), sessions["three"], "three", lead.Token))
	want(t, "End with one doubt of two", single.End(t.Context(), lead.Token, 2), quorum.ErrTaken)
	done(t, "Doubt", single.Doubt(t.Context(), sessions["two"], "two", lead.Token))
	if diff := cmp.Diff([]string{"three", "two"}, leadNow(t, single).Doubts); diff != "" {
		t.Errorf("doubts (-want +got):\n%s", diff)
	}
	done(t, "Trust", single.Trust(t.Context(), "two", lead.Token))
	want(t, "End after a doubt was taken back", single.End(t.Context(), lead.Token, 2), quorum.ErrTaken)
	done(t, "Doubt", single.Doubt(t.Context(), sessions["two"], "two", lead.Token))
	done(t, "EndSession", single.EndSession(t.Context(), sessions["three"]))
	want(t, "End after the session of a doubter has ended", single.End(t.Context(), lead.Token, 2), quorum.ErrTaken)
	done(t, "End", single.End(t.Context(), lead.Token, 1))
	want(t, "End again", single.End(t.Context(), lead.Token, 0), quorum.ErrTaken)
	want(t, "Doubt of an ended lead", single.Doubt(t.Context(), sessions["two"], "two", lead.Token), quorum.ErrTaken)

	next := take(t, single, sessions["two"], "two")
	resign(t, single, next)
	if len(leadNow(t, single).Doubts) > 0 {
		t.Error("the doubts of the earlier lead are those of the next one")
	}
}

func TestLeadEndsWithItsSession(t *testing.T) {
	short, err := single.Begin(t.Context(), "short", time.Second)
	done(t, "Begin", err)
	lead := take(t, single, short, "short")
	done(t, "Renew", single.Renew(t.Context(), short))
	await(t, single, func(l quorum.Lead) bool { return l.Token != lead.Token })
	want(t, "Renew of an ended session", single.Renew(t.Context(), short), quorum.ErrSession)
	_, err = single.Take(t.Context(), short, "short", 0)
	want(t, "Take with an ended session", err, quorum.ErrSession)
	want(t, "EndSession again", single.EndSession(t.Context(), short), quorum.ErrSession)
}

func TestNextSessionOfAMemberEndsThatBefore(t *testing.T) {
	before := begin(t, single, "one")
	lead := take(t, single, before, "one")
	after := begin(t, single, "one")
	want(t, "Renew of the session before", single.Renew(t.Context(), before), quorum.ErrSession)
	if now := leadNow(t, single); now.Token == lead.Token {
		t.Error("the lead of the session before goes on")
	}
	done(t, "Renew", single.Renew(t.Context(), after))
}

func TestWatchSeesEachLead(t *testing.T) {
	one := begin(t, single, "one")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	leads := make(chan quorum.Lead)
	watched := make(chan error, 1)
	watching, stop := context.WithCancel(ctx)
	go func() {
		watched <- single.WatchLead(watching, func(l quorum.Lead) {
			select {
			case leads <- l:
			case <-watching.Done():
			}
		})
	}()
	if l := <-leads; l.Member != "" {
		t.Errorf("first: got %+v, want nobody", l)
	}
	lead := take(t, single, one, "one")
	resign(t, single, lead)
	if diff := cmp.Diff(lead, <-leads); diff != "" {
		t.Errorf("after Take (-want +got):\n%s", diff)
	}
	done(t, "Doubt", single.Doubt(t.Context(), one, "one", lead.Token))
	if l := <-leads; len(l.Doubts) != 1 {
		t.Errorf("after Doubt: got %+v", l)
	}
	done(t, "Resign", single.Resign(t.Context(), fence(lead), ""))
	if l := <-leads; l.Member != "" || l.Term != lead.Term {
		t.Errorf("after Resign: got %+v, want nobody", l)
	}
	stop()
	want(t, "WatchLead", <-watched, context.Canceled)
}

// A writer of an earlier lead never succeeds, whatever it writes.
func TestDeposedWriterIsRefused(t *testing.T) {
	ctx := t.Context()
	one, two := begin(t, single, "one"), begin(t, single, "two")
	first := take(t, single, one, "one")
	name := partOf(t)
	old := single.Store(name, fence(first))
	rev, err := old.Save(ctx, []store.Change{{Key: "a", Value: []byte("1")}}, 0)
	done(t, "Save of the leader", err)
	done(t, "Append of the leader", single.Feed(name).Append(ctx, fence(first), quorum.Batch{First: 1, Last: 1, Lines: []byte("1\n")}))
	_, err = single.Store(name, quorum.Fence{}).Save(ctx, nil, rev)
	want(t, "Save without a fence while somebody leads", err, store.ErrConflict)
	done(t, "Resign", single.Resign(ctx, fence(first), ""))

	refused := func(when string) {
		t.Helper()
		for what, value := range map[string][]byte{"small": []byte("2"), "large": make([]byte, 60<<10)} {
			_, err := old.Save(ctx, []store.Change{{Key: "a", Value: value}}, rev)
			want(t, "Save "+what+when, err, store.ErrConflict)
		}
		want(t, "Append"+when, single.Feed(name).Append(ctx, fence(first), quorum.Batch{First: 2, Last: 2}), store.ErrConflict)
		want(t, "Put"+when, single.Archives().Put(ctx, fence(first), name, nil, emptyReader{}), store.ErrConflict)
		want(t, "Remove"+when, single.Archives().Remove(ctx, fence(first), name), store.ErrConflict)
		want(t, "Raise"+when, single.Raise(ctx, fence(first), 1<<40), quorum.ErrTaken)
		want(t, "Resign"+when, single.Resign(ctx, fence(first), ""), quorum.ErrTaken)
	}
	refused(" while nobody leads")
	second := take(t, single, two, "two")
	resign(t, single, second)
	refused(" while another one leads")
	if _, err := single.Store(name, fence(second)).Save(ctx, []store.Change{{Key: "a", Value: []byte("2")}}, rev); err != nil {
		t.Errorf("Save of the next leader: %v", err)
	}
}

var _ quorum.Engine = (*etcdstore.Engine)(nil)
