package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/live"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// WatchCluster shows the cluster on the terminal as it changes, until the user leaves. The
// events of the controller say when there is something new.
func (f Fleet) WatchCluster(ctx context.Context) int {
	return f.ask(ctx, func(c *api.Client) error {
		var seen looker
		w := live.Watcher{
			Follower: live.Follower{Output: f.output(), In: f.Keys, Environment: f.Environment, IsAway: f.goesOn},
			Columns:  watchColumns(),
			Look:     func(ctx context.Context) (live.Scene, error) { return seen.look(ctx, c) },
		}
		if !w.Drawn() || f.Keys == nil {
			return errors.New("watch draws on a terminal, and there is none: zeekfleet events --follow prints what happens, a line each")
		}
		if _, err := c.Status(ctx); err != nil {
			return err // before anything is drawn
		}
		last := uint64(0)
		w.Stream = func(ctx context.Context, each func([]show.Cell)) error {
			for e, err := range c.StreamEvents(ctx, api.EventQuery{After: last}) {
				if err != nil {
					return err
				}
				last = max(last, e.Seq)
				if e.Kind == "" {
					each(nil)
				} else {
					each(watchRow(e))
				}
			}
			return &api.StreamEndedError{Reason: "there is nothing more"}
		}
		return w.Run(ctx)
	})
}

func watchColumns() []show.Column {
	return []show.Column{{Head: "TIME"}, {Head: "WHAT", Least: 12}, {Head: "STATE", Least: 10}, {Head: "WHY", Least: 16}}
}

// watchRow is the line about an event. The user looks on while it happens, so the time is
// that of this host, without a day.
func watchRow(e api.Event) []show.Cell {
	row := eventRow(e)
	return []show.Cell{{Text: e.Time.Local().Format(time.TimeOnly), Tone: show.Faint}, row[1], row[2], row[5]}
}

// looker looks at a cluster. It keeps the deployed configuration, which seldom changes.
type looker struct{ deployed api.Configuration }

// look returns the cluster as it is now.
func (l *looker) look(ctx context.Context, c *api.Client) (live.Scene, error) {
	s, err := c.Status(ctx)
	if err != nil {
		return live.Scene{}, err
	}
	list, err := c.Nodes(ctx)
	if err != nil {
		return live.Scene{}, err
	}
	if s.Deployed != nil && s.Deployed.Revision != l.deployed.Revision {
		if l.deployed, err = c.Configuration(ctx, api.Deployed); err != nil {
			return live.Scene{}, err
		}
	}
	nodes, looked := shownNodes(list, s), time.Now()
	addConfigured(nodes, l.deployed)
	return live.Scene{Draw: func(now time.Time, _ int) (show.Page, show.Table) {
		then := s.Time.Add(max(now.Sub(looked), 0)) // by the controller's clock
		return watchHead(s, then), nodeTable(nodes, then)
	}}, nil
}

// watchHead is what stands above the nodes: few lines, because the nodes need the room.
func watchHead(s api.Status, now time.Time) show.Page {
	head := show.Text{Text: "The cluster is well.", Tone: show.Good}
	switch {
	case len(s.Wrong) > 0:
		head = show.Text{Text: fmt.Sprintf("The cluster is not well: %s wrong.", counted(len(s.Wrong), "thing")), Tone: show.Bad}
	case s.Deployed == nil:
		head = show.Text{Text: "Nothing is deployed.", Tone: show.Warning}
	case allStopped(s):
		head = show.Text{Text: "All nodes are stopped.", Tone: show.Warning}
	}
	page := show.Page{head, show.Text{Text: fmt.Sprintf("Deployed: %s", deployedText(s.Deployed, now))}}
	counts := "Instances: " + instanceCounts(s.Instances) + ". Nodes: " + nodeCounts(s.Nodes) + "."
	page = append(page, show.Text{Text: counts})
	for _, d := range s.Wrong {
		if d.Kind != "node" { // the table has the nodes
			page = append(page, show.Text{Text: cmp.Or(whatOf(d), d.Kind) + ": " + d.Text, Tone: show.Bad})
		}
	}
	for _, o := range s.Operations {
		page = append(page, show.Text{Text: "Running: " + runningText(o, now), Tone: show.Warning})
	}
	return append(page, show.Blank())
}
