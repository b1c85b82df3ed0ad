package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Measured runs the commands that show what agents measure on their hosts. Each exported
// method is one command, and returns the exit status.
type Measured struct {
	Fleet
	// Instance and Role, if not empty, are those of the nodes that are shown.
	Instance string
	Role     mgmt.ClusterRole
	// Selectors choose nodes as well.
	Selectors []string
}

// figures are what was measured, of the instances and nodes that are wanted.
type figures struct {
	time  time.Time // by the controller's clock
	hosts []api.HostSample
	// named says that the user has named nodes.
	named bool
}

// measure calls then with the newest figures.
func (m Measured) measure(ctx context.Context, then func(figures) error) int {
	chosen, err := mgmt.ParseSelectors(m.Selectors)
	if err != nil {
		m.Log.Error("%v", err)
		return StatusMisuse
	}
	return m.ask(ctx, func(c *api.Client) error {
		s, err := c.Samples(ctx, api.SampleQuery{Instance: m.Instance})
		if err != nil {
			return err
		}
		found, err := m.wanted(s, chosen)
		if err != nil {
			return err
		}
		return then(found)
	})
}

// wanted returns the part of the figures that the user wants. With nodes that are named, these
// are the hosts that have one.
func (m Measured) wanted(s api.Samples, chosen mgmt.Selectors) (figures, error) {
	found := figures{time: s.Time, hosts: s.Items, named: m.Role != "" || !chosen.None()}
	if m.Instance != "" && len(s.Items) == 0 {
		return found, fmt.Errorf("there is no instance %s: zeekfleet hosts lists all", quote(m.Instance))
	}
	if !found.named {
		return found, nil
	}
	var names []mgmt.NodeName
	if !chosen.None() {
		var all []mgmt.Node
		for _, h := range s.Items {
			for _, n := range h.Nodes {
				all = append(all, mgmt.Node{Name: mgmt.NodeName(n.Node), Instance: mgmt.InstanceName(h.Instance), Role: mgmt.ClusterRole(n.Role)})
			}
		}
		var err error
		if names, err = chosen.Select(all); err != nil {
			return found, err
		}
	}
	found.hosts = nil
	for _, h := range s.Items {
		h.Nodes = slices.DeleteFunc(slices.Clone(h.Nodes), func(n api.NodeSample) bool {
			_, named := slices.BinarySearch(names, mgmt.NodeName(n.Node))
			return m.Role != "" && m.Role != mgmt.ClusterRole(n.Role) || !chosen.None() && !named
		})
		if len(h.Nodes) > 0 {
			found.hosts = append(found.hosts, h)
		}
	}
	return found, nil
}

// missing returns the instances of which nothing is known.
func (f figures) missing() []api.Missing {
	list := []api.Missing{}
	for _, h := range f.hosts {
		if h.Err != "" {
			list = append(list, api.Missing{Instance: h.Instance, Why: h.Err})
		}
	}
	return list
}

// newest returns when the newest sample came.
func (f figures) newest() time.Time {
	var at time.Time
	for _, h := range f.hosts {
		if h.Heard.After(at) {
			at = h.Heard
		}
	}
	return at
}

// missingPage names the instances of which nothing is known: those with the same reason in
// one line.
func missingPage(missing []api.Missing) show.Page {
	var reasons []string
	of := map[string][]string{}
	for _, m := range missing {
		if of[m.Why] == nil {
			reasons = append(reasons, m.Why)
		}
		of[m.Why] = append(of[m.Why], m.Instance)
	}
	var page show.Page
	for _, why := range reasons {
		what := "instance "
		if len(of[why]) > 1 {
			what = "instances "
		}
		page = append(page, show.Text{Text: "No figures of " + what + few(of[why]) + ": " + why, Tone: show.Warning})
	}
	if len(page) > 0 {
		page = append(show.Page{show.Blank()}, page...)
	}
	return page
}

// noFigures is what stands in place of a table without rows.
func (f figures) noFigures(what string) string {
	switch {
	case len(f.hosts) == 0 && !f.named:
		return "There are no instances yet."
	case len(f.missing()) == len(f.hosts):
		return "There are no figures."
	}
	return what
}

// MeasuredNode is a node with what was measured of it.
type MeasuredNode struct {
	Instance string `json:"instance"`
	// Age is the age of the sample. It is 0 if there is none.
	Age float64 `json:"age_seconds"`
	api.NodeSample
	untold bool // nothing is known of its instance
}

// nodes returns all nodes.
func (f figures) nodes() []MeasuredNode {
	list := []MeasuredNode{}
	for _, h := range f.hosts {
		age := 0.0
		if !h.Heard.IsZero() {
			age = max(f.time.Sub(h.Heard).Seconds(), 0)
		}
		for _, n := range h.Nodes {
			list = append(list, MeasuredNode{h.Instance, age, n, h.Err != ""})
		}
	}
	return list
}

// rates returns the rates of a node, or nil if they are not known.
func (n MeasuredNode) rates() *api.NodeRates {
	if n.Zeek == nil {
		return nil
	}
	return n.Zeek.Rates
}

// note says why figures of a node are missing.
func (n MeasuredNode) note() string {
	switch {
	case n.untold: // another line names the instance, with the reason
		return "no figures"
	case n.Err != "":
		return n.Err
	case n.PID == 0:
		return "no process"
	case n.Zeek == nil && n.Role == string(mgmt.Worker):
		return "no packet counts"
	}
	return ""
}

// byPlace sorts nodes by instance and name.
func byPlace(a, b MeasuredNode) int {
	return cmp.Or(strings.Compare(a.Instance, b.Instance), strings.Compare(a.Node, b.Node))
}

// amount returns a number in three digits or so, such as 1.25M.
func amount(v float64) string {
	const units = "kMGTPE"
	if v < 999.5 {
		switch {
		case v == 0 || v >= 9.95:
			return fmt.Sprintf("%.0f", v)
		case v < 0.05:
			return "<0.1"
		}
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	}
	i := -1
	for v >= 999.5 && i < len(units)-1 {
		v /= 1000
		i++
	}
	digits := 2
	switch {
	case v >= 99.95:
		digits = 0
	case v >= 9.995:
		digits = 1
	}
	return fmt.Sprintf("%.*f%c", digits, v, units[i])
}

// percent returns a share in percent, without the sign.
func percent(share float64) string {
	switch p := share * 100; {
	case p == 0:
		return "0"
	case p < 0.005:
		return "<0.01"
	default:
		return fmt.Sprintf("%.2f", p)
	}
}

// The shares of packets from which drops are marked.
const (
	someDrops = 0.01
	manyDrops = 0.05
)

// dropCell shows a share of packets that were dropped.
func dropCell(share float64) show.Cell {
	cell := show.Cell{Text: percent(share)}
	switch {
	case share >= manyDrops:
		cell.Tone = show.Bad
	case share >= someDrops:
		cell.Tone = show.Warning
	}
	return cell
}

// shareOf returns which share of all packets was dropped.
func shareOf(dropped, received float64) float64 {
	if all := dropped + received; all > 0 {
		return dropped / all
	}
	return 0
}

// longLag is the lag, in seconds, from which it is marked.
const longLag = 10

func lagCell(lag *float64) show.Cell {
	switch {
	case lag == nil:
		return show.Cell{Text: "-"}
	case *lag < 60:
		cell := show.Cell{Text: fmt.Sprintf("%.1fs", max(*lag, 0))}
		if *lag >= longLag {
			cell.Tone = show.Warning
		}
		return cell
	}
	return show.Cell{Text: span(time.Duration(min(*lag, 1e9) * float64(time.Second))), Tone: show.Bad}
}
