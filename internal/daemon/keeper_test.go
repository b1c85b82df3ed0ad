package daemon_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc/proctest"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
)

// moodyStore is a store in memory that can fail.
type moodyStore struct {
	memstore.Store
	mood atomic.Int32 // one of the following
}

const (
	fine   = iota
	failed // saves nothing, and says so
	silent // saves, and says that it failed
	broken // saves, and then does not answer
	gone   // does not answer
)

var errDown = errors.New("the disk does not answer")

func (s *moodyStore) Load(ctx context.Context, prefix string) ([]store.Entry, store.Revision, error) {
	if s.mood.Load() == gone {
		return nil, 0, errDown
	}
	return s.Store.Load(ctx, prefix)
}

func (s *moodyStore) Save(ctx context.Context, changes []store.Change, replaces store.Revision) (store.Revision, error) {
	if mood := s.mood.Load(); mood == failed || mood == gone {
		return 0, errDown
	}
	rev, err := s.Store.Save(ctx, changes, replaces)
	switch s.mood.Load() {
	case broken:
		s.mood.Store(gone)
		return 0, errDown
	case silent:
		return 0, errDown
	}
	return rev, err
}

// stranger saves past the keeper.
func (s *moodyStore) stranger(t *testing.T, changes ...store.Change) {
	t.Helper()
	_, rev, err := s.Store.Load(t.Context(), "")
	if err == nil {
		_, err = s.Store.Save(t.Context(), changes, rev)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func put(key, value string) store.Change { return store.Change{Key: key, Value: []byte(value)} }

// attempt is a save, in a mood of the store, and what becomes of it.
type attempt struct {
	mood    int32
	changes []store.Change
	// meanwhile is what somebody else saves before.
	meanwhile []store.Change
	err       error // nil: the save succeeds
}

// firstSave stores what the saves of keeperSaves begin with.
var firstSave = attempt{changes: []store.Change{put("a", "1"), put("b", "1")}}

// keeperSaves are saves of a keeper, one after the other.
var keeperSaves = map[string]struct {
	attempts []attempt
	want     map[string]string // what is stored in the end
}{
	"a save that failed is forgotten": {
		[]attempt{firstSave, {mood: failed, changes: []store.Change{put("a", "2")}, err: errDown}, {changes: []store.Change{put("c", "3")}}},
		map[string]string{"a": "1", "b": "1", "c": "3"},
	},
	"a save that took place counts, whatever the store said": {
		[]attempt{firstSave, {mood: silent, changes: []store.Change{put("a", "2"), {Key: "b"}}}, {changes: []store.Change{put("c", "3")}}},
		map[string]string{"a": "2", "c": "3"},
	},
	"a save that took place although the core was told otherwise is taken back": {
		[]attempt{
			firstSave, {mood: broken, changes: []store.Change{put("a", "2"), {Key: "b"}, put("d", "2")}, err: errDown},
			{mood: gone, changes: []store.Change{put("a", "4")}, err: errDown},
			{changes: []store.Change{put("c", "3")}},
		},
		map[string]string{"a": "1", "b": "1", "c": "3"},
	},
	"and so are two": {
		[]attempt{
			firstSave, {mood: broken, changes: []store.Change{put("a", "2"), put("d", "2")}, err: errDown},
			{mood: broken, changes: []store.Change{put("d", "3"), put("e", "3")}, err: errDown},
			{changes: []store.Change{put("c", "4")}},
		},
		map[string]string{"a": "1", "b": "1", "c": "4"},
	},
	"what somebody else saved is not overwritten": {
		[]attempt{
			firstSave, {meanwhile: []store.Change{put("a", "theirs")}, changes: []store.Change{put("a", "2")}, err: store.ErrConflict},
			{changes: []store.Change{put("a", "3")}, err: store.ErrConflict},
		},
		map[string]string{"a": "theirs", "b": "1"},
	},
	"nor is it after a save of which nobody can tell": {
		[]attempt{
			firstSave, {mood: broken, changes: []store.Change{put("a", "2")}, err: errDown},
			{meanwhile: []store.Change{put("c", "theirs")}, changes: []store.Change{put("a", "3")}, err: store.ErrConflict},
			{changes: []store.Change{put("a", "3")}, err: store.ErrConflict},
		},
		map[string]string{"a": "2", "b": "1", "c": "theirs"},
	},
	"nor is it if it has the same values for the same keys": {
		[]attempt{
			firstSave, {mood: gone, changes: []store.Change{put("a", "2")}, err: errDown},
			{meanwhile: []store.Change{put("a", "2"), put("c", "theirs")}, changes: []store.Change{put("b", "3")}, err: store.ErrConflict},
		},
		map[string]string{"a": "2", "b": "1", "c": "theirs"},
	},
	"what is too large is refused, and the next save is not": {
		[]attempt{firstSave, {changes: []store.Change{put("a", "much too large")}, err: store.ErrTooLarge}, {changes: []store.Change{put("a", "3")}}},
		map[string]string{"a": "3", "b": "1"},
	},
}

func TestKeeperGoesOnOnlyWithWhatItHasSaved(t *testing.T) {
	for name, tt := range keeperSaves {
		t.Run(name, func(t *testing.T) {
			s := &moodyStore{Store: memstore.Store{MaxValue: 10}}
			keeper, err := daemon.OpenKeeper(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range tt.attempts {
				if s.mood.Store(a.mood); a.meanwhile != nil {
					s.stranger(t, a.meanwhile...)
				}
				if err := keeper.Save(t.Context(), a.changes...); !errors.Is(err, a.err) || (err == nil) != (a.err == nil) {
					t.Fatalf("save %d: got %v, want %v", i, err, a.err)
				}
			}
			if diff := cmp.Diff(tt.want, s.all(t)); diff != "" {
				t.Errorf("stored in the end (-want +got):\n%s", diff)
			}
		})
	}
}

// placedStore is a store in a file.
type placedStore struct{ *moodyStore }

func (placedStore) Path() string { return "/var/lib/zeekfleet/state.db" }

func TestKeeperNamesTheFileThatSomebodyElseChanged(t *testing.T) {
	s := placedStore{new(moodyStore)}
	keeper, err := daemon.OpenKeeper(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Save(t.Context(), put("a", "1")); err != nil {
		t.Fatal(err)
	}
	s.stranger(t, put("a", "theirs"))
	const want = "save state: another process has changed the stored state: " +
		"/var/lib/zeekfleet/state.db has revision 2, and the last one of this daemon is 1"
	if err := keeper.Save(t.Context(), put("a", "2")); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// After each successful save, the store has what the core believes to be saved, and
// nothing else. This holds with every fault of the store.
func TestKeeperUnderRandomFaults(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := new(moodyStore)
		keeper, err := daemon.OpenKeeper(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		believed := map[string]string{}
		for range 40 {
			s.mood.Store(rng.Int32N(gone + 1))
			changes := randomChanges(rng)
			if err := keeper.Save(t.Context(), changes...); err != nil {
				if !errors.Is(err, errDown) {
					t.Fatalf("seed %d: %v", seed, err)
				}
				continue
			}
			believe(believed, changes)
			if diff := cmp.Diff(believed, s.all(t)); diff != "" {
				t.Fatalf("seed %d: stored (-believed +got):\n%s", seed, diff)
			}
		}
	}
}

func randomChanges(rng *rand.Rand) []store.Change {
	var changes []store.Change
	for range 1 + rng.IntN(3) {
		key := string('a' + rune(rng.IntN(5)))
		if rng.IntN(3) == 0 {
			changes = append(changes, store.Change{Key: key})
		} else {
			changes = append(changes, put(key, strconv.Itoa(rng.IntN(100))))
		}
	}
	return changes
}

func believe(believed map[string]string, changes []store.Change) {
	for _, c := range changes {
		if c.Value == nil {
			delete(believed, c.Key)
		} else {
			believed[c.Key] = string(c.Value)
		}
	}
}

func (s *moodyStore) all(t *testing.T) map[string]string {
	t.Helper()
	entries, _, err := s.Store.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		all[e.Key] = string(e.Value)
	}
	return all
}

// runController runs a controller with the store, and returns a client of it, and
// what will be its end.
func runController(t *testing.T, s store.Store) (*client.Client, <-chan error) {
	t.Helper()
	websocket := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- daemon.NewController(daemon.ControllerConfig{
			Store: s, WebSocket: websocket, WebSocketServer: bus.WebSocketConfig{Version: "test"},
		}).Run(ctx)
		close(done)
	}()
	t.Cleanup(func() {
		cancel()
		for range done {
		}
	})
	c, err := client.Dial(t.Context(), client.Config{Address: websocket.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, done
}

func stage(t *testing.T, c *client.Client, id string) error {
	t.Helper()
	results, err := c.Stage(t.Context(), client.Configuration{ID: id})
	if err == nil && (len(results) == 0 || !results[0].Success) {
		err = errors.New("refused")
	}
	return err
}

func TestSavesGoOnAfterOneOfWhichNobodyCanTell(t *testing.T) {
	s := new(moodyStore)
	c, _ := runController(t, s)
	s.mood.Store(broken)
	if stage(t, c, "lost") == nil {
		t.Error("what the disk did not confirm was acknowledged")
	}
	s.mood.Store(fine)
	if err := stage(t, c, "kept"); err != nil {
		t.Errorf("a save is refused after the disk has recovered: %v", err)
	}
}

// Two controllers that have the same store both loaded it when nothing was saved.
func TestControllerThatLostARaceOverwritesNothing(t *testing.T) {
	s := new(memstore.Store)
	winner, _ := runController(t, s)
	loser, ended := runController(t, s)
	if err := stage(t, winner, "winner's"); err != nil {
		t.Fatal(err)
	}
	results, err := loser.Stage(t.Context(), client.Configuration{ID: "loser's"})
	if err != nil || len(results) != 1 || results[0].Success || !strings.Contains(results[0].Error, "this controller leads no longer") {
		t.Errorf("the loser answers %+v, %v", results, err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("the loser ended with %v, want %v", err, store.ErrConflict)
		}
	case <-time.After(patience.Limit):
		t.Errorf("the loser goes on, and stages with %v", stage(t, loser, "loser's second"))
	}
	staged, err := winner.GetConfiguration(t.Context(), false)
	if c, ok := staged.Data.(client.Configuration); !ok || c.ID != "winner's" || err != nil {
		t.Errorf("staged: %v, %v", staged, err)
	}
	if err := stage(t, winner, "winner's second"); err != nil {
		t.Error(err)
	}
}

// An agent has saved nothing yet when somebody else does.
func TestAgentWhoseStateSomebodyElseChangedEnds(t *testing.T) {
	cluster := startCluster(t)
	s, ended := new(memstore.Store), make(chan error, 1)
	cluster.inBackground("agent", nil, func(ctx context.Context) error {
		err := daemon.RunAgent(ctx, daemon.AgentConfig{
			Core:  agent.Config{Name: "instance-1", Connecting: true},
			Store: s, Broker: listen(t), Controller: cluster.peers,
			Processes: fakeProcesses{proctest.New(proctest.Config{})}, Launch: launch.Embedded{StateDir: t.TempDir()},
		})
		ended <- err
		return err
	})
	cluster.awaitInstance("instance-1")
	foreign := []store.Change{{Key: "state", Value: []byte("somebody else's")}}
	if _, err := s.Save(t.Context(), foreign, 0); err != nil {
		t.Fatal(err)
	}
	conn := cluster.client()
	defer conn.Close()
	config := client.Configuration{ID: "ours", Instances: []client.Instance{{Name: "instance-1"}}}
	if _, err := conn.Stage(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Deploy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := patience.Next(t, ended, "the agent's end"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the agent ended with %v, want %v", err, store.ErrConflict)
	}
	if entries, _, _ := s.Load(t.Context(), ""); len(entries) != 1 || string(entries[0].Value) != "somebody else's" {
		t.Errorf("stored in the end: %+v", entries)
	}
}
