package live_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/cli/live"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/golden"
)

var eventColumns = []show.Column{{Head: "TIME"}, {Head: "WHAT", Least: 12}, {Head: "STATE", Least: 10}, {Head: "WHY", Least: 16}}

// scene has n nodes, of which the first ones have failed.
func scene(n, failed int) live.Scene {
	return live.Scene{Draw: func(now time.Time, _ int) (show.Page, show.Table) {
		table := show.Table{Columns: []show.Column{{Head: "NODE"}, {Head: "STATE"}, {Head: "FOR", Right: true}, {Head: "NOTE", Least: 20}}, Empty: "There are no nodes."}
		for i := range n {
			row := show.Row(fmt.Sprintf("worker-%03d", i+1), "RUNNING", now.Sub(noon).String(), "")
			if i < failed {
				row[1], row[3] = show.Cell{Text: "FAILED", Tone: show.Bad}, show.Cell{Text: "exited with status 1 after 3 starts within a minute; it printed: fatal error in /etc/zeek/local.zeek"}
			}
			table.Rows = append(table.Rows, row)
		}
		return show.Page{show.Text{Text: fmt.Sprintf("%d nodes, %d failed", n, failed)}, show.Blank()}, table
	}}
}

func happened(i int) tea.Msg {
	return live.Happened{Row: show.Row(fmt.Sprintf("12:00:%02d", i), fmt.Sprintf("worker-%03d@sensor-1", i), "RUNNING → CRASHED", "exited with status 1, and it will be started again after a while that grows")}
}

// TestWatched draws clusters on screens of several sizes. No view has more lines or columns
// than its screen.
func TestWatched(t *testing.T) {
	var many []tea.Msg
	for i := range 150 {
		many = append(many, happened(i))
	}
	for name, msgs := range map[string][]tea.Msg{
		"before the first look": nil,
		"four":                  {live.Scened{Scene: scene(4, 1)}},
		"four, events":          {live.Scened{Scene: scene(4, 1)}, happened(1), happened(2)},
		"no nodes":              {live.Scened{Scene: scene(0, 0)}, happened(1)},
		"forty, many events":    append([]tea.Msg{live.Scened{Scene: scene(40, 2)}}, many...),
		"a thousand, scrolled":  {live.Scened{Scene: scene(1000, 30)}, key('G'), tea.KeyPressMsg{Code: tea.KeyUp}},
		"away":                  {live.Scened{Scene: scene(4, 0)}, live.Away{Why: "connection refused"}},
		"never reached":         {live.Away{Why: "connection refused"}},
		"back again":            {live.Away{Why: "connection refused"}, live.Scened{Scene: scene(4, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			var all strings.Builder
			for _, size := range [][2]int{{80, 24}, {200, 50}, {40, 8}} {
				var m tea.Model = live.NewWatched(show.Screen{Terminal: true}, eventColumns, noon)
				for _, msg := range append([]tea.Msg{tea.WindowSizeMsg{Width: size[0], Height: size[1]}, live.Tick{Now: noon.Add(12 * time.Second)}}, msgs...) {
					m, _ = m.Update(msg)
				}
				text := m.(live.Watched).Text()
				lines := strings.Split(text, "\n")
				if len(lines) > size[1] {
					t.Errorf("%v: %d lines", size, len(lines))
				}
				for _, line := range lines {
					if w := show.WidthOf(line); w > size[0] && size[0] >= 80 {
						t.Errorf("%v: a line of %d columns: %s", size, w, line)
					}
				}
				fmt.Fprintf(&all, "== %d×%d ==\n%s\n", size[0], size[1], text)
			}
			golden.Check(t, filepath.Join("testdata", "watch", strings.NewReplacer(" ", "-", ",", "").Replace(name)+".txt"), all.String(), *update)
		})
	}
}

// Keys choose the order of the nodes, and the view goes back to the first of them.
func TestOrdersOfAView(t *testing.T) {
	orders := []live.Order{{Key: "c", Name: "cpu"}, {Key: "n", Name: "name"}}
	var m tea.Model = live.NewWatched(show.Screen{Terminal: true, Width: 40, Height: 6}, eventColumns, noon).Ordered(orders, 1)
	scene := live.Scene{Draw: func(_ time.Time, order int) (show.Page, show.Table) {
		table := show.Table{Columns: show.Heads("BY " + orders[order].Name)}
		for i := range 9 {
			table.Rows = append(table.Rows, show.Row(fmt.Sprintf("row %d", i)))
		}
		return nil, table
	}}
	for _, step := range []struct {
		msg  tea.Msg
		want string
	}{
		{live.Scened{Scene: scene}, "BY name\nrow 0\nrow 1\nrow 2\n… 6 more; ↑ and ↓ move\nq leaves; sort by c cpu, n name"},
		{key('G'), "BY name\nrow 6\nrow 7\nrow 8\n… 6 more; ↑ and ↓ move\nq leaves; sort by c cpu, n name"},
		{key('c'), "BY cpu\nrow 0\nrow 1\nrow 2\n… 6 more; ↑ and ↓ move\nq leaves; sort by c cpu, n name"},
		{key('x'), "BY cpu\nrow 0\nrow 1\nrow 2\n… 6 more; ↑ and ↓ move\nq leaves; sort by c cpu, n name"},
	} {
		m, _ = m.Update(step.msg)
		if text := m.(live.Watched).Text(); text != step.want {
			t.Errorf("after %v:\n%s\nwant:\n%s", step.msg, text, step.want)
		}
	}
}

func TestWatchedEnds(t *testing.T) {
	for name, msg := range map[string]tea.Msg{
		"q": key('q'), "Ctrl-C": tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}, "Escape": tea.KeyPressMsg{Code: tea.KeyEscape}, "an interrupt": tea.InterruptMsg{}, "the end": live.Ended{},
	} {
		m, cmd := live.NewWatched(show.Screen{}, eventColumns, noon).Update(msg)
		if m.(live.Watched).Text() != "" || cmd == nil || cmd() != tea.Quit() {
			t.Errorf("%s does not end the view", name)
		}
	}
}

// TestFeed: a Watcher looks at the cluster at the beginning of a stream and after events,
// once for many of them; and it asks again a controller that was away.
func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		var said []string
		say := func(text string) { said = append(said, fmt.Sprintf("%v %s", time.Since(start), text)) }
		var streams atomic.Int32
		w := live.Watcher{
			Follower: live.Follower{IsAway: func(err error) bool { return err == errAway }},
			Stream: func(ctx context.Context, each func([]show.Cell)) error {
				if streams.Add(1) == 3 {
					<-ctx.Done()
					return ctx.Err()
				}
				time.Sleep(time.Second)
				for range 1000 {
					each(show.Row("x"))
				}
				time.Sleep(time.Second)
				return errAway
			},
			Look: func(context.Context) (live.Scene, error) {
				if streams.Load() == 3 {
					cancel()
				}
				return scene(1, 0), nil
			},
		}
		events := 0
		err := live.Feed(w, ctx, func(msg tea.Msg) {
			switch msg := msg.(type) {
			case live.Scened:
				say("looked")
			case live.Away:
				say("away: " + msg.Why)
			case live.Happened:
				events++
			}
		})
		want := []string{
			"0s looked", "1.1s looked", "2s away: connection refused",
			"3s looked", "4.1s looked", "5s away: connection refused",
		}
		if diff := cmp.Diff(want, said); err != nil || events != 2000 || diff != "" {
			t.Errorf("got %v, %d events\n%s", err, events, diff)
		}
	})
}

func TestFeedIsRefused(t *testing.T) {
	refused := fmt.Errorf("user \"guest\" may not do this")
	wait := func(ctx context.Context, _ func([]show.Cell)) error { <-ctx.Done(); return ctx.Err() }
	for name, w := range map[string]live.Watcher{
		"the stream": {
			Stream: func(context.Context, func([]show.Cell)) error { return refused },
			Look:   func(context.Context) (live.Scene, error) { return scene(1, 0), nil },
		},
		"the look": {Stream: wait, Look: func(context.Context) (live.Scene, error) { return live.Scene{}, refused }},
	} {
		w.IsAway = func(error) bool { return false }
		if err := live.Feed(w, t.Context(), func(tea.Msg) {}); err != refused {
			t.Errorf("%s is refused: got %v", name, err)
		}
	}
}
