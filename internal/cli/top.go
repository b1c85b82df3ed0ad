package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/live"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TopRequest says how Top shows nodes.
type TopRequest struct {
	// Once prints them once, also on a terminal.
	Once bool
	// Sort is one of TopOrders. Empty means the first.
	Sort string
	// Interval is the least time between two views. Zero means mgmt.SampleInterval.
	Interval time.Duration
}

// topOrder is an order of nodes.
type topOrder struct {
	live.Order
	// figure returns by what nodes are sorted, the greatest first, and whether it is known.
	// Nil sorts by name.
	figure func(MeasuredNode) (float64, bool)
}

// rate returns a figure of a topOrder.
func rate(of func(*api.NodeRates) float64) func(MeasuredNode) (float64, bool) {
	return func(n MeasuredNode) (float64, bool) {
		if r := n.rates(); r != nil {
			return of(r), true
		}
		return 0, false
	}
}

// topOrders returns the orders in which Top can sort.
func topOrders() []topOrder {
	return []topOrder{
		{live.Order{Key: "c", Name: "cpu"}, func(n MeasuredNode) (float64, bool) { return n.CPU, n.PID != 0 }},
		{live.Order{Key: "m", Name: "memory"}, func(n MeasuredNode) (float64, bool) { return float64(n.Memory), n.PID != 0 }},
		{live.Order{Key: "p", Name: "packets"}, rate(func(r *api.NodeRates) float64 { return r.Packets })},
		{live.Order{Key: "d", Name: "drops"}, rate(func(r *api.NodeRates) float64 { return r.DropShare })},
		{live.Order{Key: "l", Name: "lag"}, func(n MeasuredNode) (float64, bool) {
			if n.Zeek == nil || n.Zeek.Lag == nil {
				return 0, false
			}
			return *n.Zeek.Lag, true
		}},
		{live.Order{Key: "n", Name: "name"}, nil},
	}
}

// TopOrders lists the orders in which Top can sort.
func TopOrders() []string {
	var names []string
	for _, o := range topOrders() {
		names = append(names, o.Name)
	}
	return names
}

// sorted returns nodes in an order. Those whose figure is not known are the last ones.
func (o topOrder) sorted(nodes []MeasuredNode) []MeasuredNode {
	nodes = slices.Clone(nodes)
	sort.SliceStable(nodes, func(i, j int) bool {
		a, b := nodes[i], nodes[j]
		if o.figure == nil {
			return byPlace(a, b) < 0
		}
		left, knownLeft := o.figure(a)
		right, knownRight := o.figure(b)
		if knownLeft != knownRight {
			return knownLeft
		}
		return cmp.Or(cmp.Compare(right, left), byPlace(a, b)) < 0
	})
	return nodes
}

// TopResult is what Top prints as data.
type TopResult struct {
	Time    time.Time      `json:"time"`
	Nodes   []MeasuredNode `json:"nodes"`
	Missing []api.Missing  `json:"missing"`
}

// Top shows what each node uses and captures: on a terminal until the user leaves, and else
// once.
func (m Measured) Top(ctx context.Context, req TopRequest) int {
	orders := topOrders()
	at := max(slices.IndexFunc(orders, func(o topOrder) bool { return o.Name == req.Sort }), 0)
	view := live.Follower{Output: m.output(), In: m.Keys, Environment: m.Environment, IsAway: m.goesOn}
	if req.Once || !view.Drawn() || m.Keys == nil {
		return m.measure(ctx, func(f figures) error {
			nodes := orders[at].sorted(f.nodes())
			return show.PrintPage(m.output(), TopResult{f.time, nodes, f.missing()}, func() show.Page {
				head, table := topPage(f, orders[at], f.time)
				if len(head) > 0 {
					head = append(head, show.Blank())
				}
				return slices.Concat(head, show.Page{table}, missingPage(f.missing()))
			})
		})
	}
	chosen, err := mgmt.ParseSelectors(m.Selectors)
	if err != nil {
		m.Log.Error("%v", err)
		return StatusMisuse
	}
	return m.ask(ctx, func(c *api.Client) error {
		l := &liveTop{Measured: m, client: c, chosen: chosen, orders: orders, interval: cmp.Or(req.Interval, mgmt.SampleInterval)}
		if err := l.refresh(ctx, 0); err != nil {
			return err // before anything is drawn
		}
		w := live.Watcher{Follower: view, Order: at, Stream: l.stream, Look: l.look}
		for _, o := range orders {
			w.Orders = append(w.Orders, o.Order)
		}
		return w.Run(ctx)
	})
}

// liveTop keeps the figures that Top shows on a terminal.
type liveTop struct {
	Measured
	client   *api.Client
	chosen   mgmt.Selectors
	orders   []topOrder
	interval time.Duration

	mu     sync.Mutex
	now    figures
	looked time.Time // when, by the clock of this host
}

// awaitSamples bounds the wait for a newer sample. Within this time an instance that tells
// nothing any more shows as one.
const awaitSamples = 15 * time.Second

// refresh asks for the figures. It waits up to wait for newer ones.
func (l *liveTop) refresh(ctx context.Context, wait time.Duration) error {
	l.mu.Lock()
	has := l.now.newest()
	l.mu.Unlock()
	s, err := l.client.Samples(ctx, api.SampleQuery{Instance: l.Instance, Newer: has, Wait: wait})
	if err != nil {
		return err
	}
	found, err := l.wanted(s, l.chosen)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now, l.looked = found, time.Now()
	return nil
}

// stream asks for newer figures again and again, and calls each when there are some.
func (l *liveTop) stream(ctx context.Context, each func([]show.Cell)) error {
	for {
		select {
		case <-time.After(l.interval):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := l.refresh(ctx, awaitSamples); err != nil {
			return err
		}
		each(nil)
	}
}

// look returns the figures that are known.
func (l *liveTop) look(context.Context) (live.Scene, error) {
	l.mu.Lock()
	f, looked := l.now, l.looked
	l.mu.Unlock()
	return live.Scene{Draw: func(now time.Time, order int) (show.Page, show.Table) {
		head, table := topPage(f, l.orders[order], f.time.Add(max(now.Sub(looked), 0)))
		return slices.Concat(head, missingPage(f.missing()), show.Page{show.Blank()}), table
	}}, nil
}

// topPage returns what stands above the nodes, and the nodes, as they are at a time by the
// controller's clock.
func topPage(f figures, order topOrder, now time.Time) (show.Page, show.Table) {
	nodes := order.sorted(f.nodes())
	table := show.Table{
		Columns: []show.Column{
			{Head: "NODE", Least: 12}, {Head: "INSTANCE", Least: 8}, {Head: "ROLE", Drop: 4}, {Head: "STATE", Drop: 1},
			{Head: "PID", Right: true, Drop: 6}, {Head: "CPU %", Right: true}, {Head: "MEMORY", Right: true}, {Head: "THREADS", Right: true, Drop: 7},
			{Head: "PACKETS/S", Right: true}, {Head: "DROP %", Right: true}, {Head: "LAG", Right: true, Drop: 3}, {Head: "UP", Right: true, Drop: 5},
			{Head: "NOTE", Least: 10, Drop: 2, Optional: true},
		},
		Empty: f.noFigures("There are no nodes."),
	}
	for _, n := range nodes {
		row := show.Row(n.Node, n.Instance, strings.ToLower(n.Role), n.State, pidText(int64(n.PID)), "-", "-", "-", "-", "-", "-", "-", n.note())
		row[3].Tone = toneOf(n.State)
		if n.PID != 0 {
			row[5].Text, row[6].Text, row[7].Text = fmt.Sprintf("%.1f", n.CPU*100), bytesText(n.Memory), strconv.Itoa(n.Threads)
			row[11].Text = ago(now, n.Started)
		}
		if r := n.rates(); r != nil {
			row[8].Text, row[9] = amount(r.Packets), dropCell(r.DropShare)
		}
		if n.Zeek != nil {
			row[10] = lagCell(n.Zeek.Lag)
		}
		table.Rows = append(table.Rows, row)
	}
	return topHead(f, nodes, order, now), table
}

// topHead sums up what nodes use and capture.
func topHead(f figures, nodes []MeasuredNode, order topOrder, now time.Time) show.Page {
	if f.newest().IsZero() {
		return nil
	}
	var cpu, packets, dropped float64
	var memory uint64
	captures, run := 0, 0
	on := map[string]bool{}
	for _, n := range nodes {
		if n.PID == 0 {
			continue
		}
		on[n.Instance] = true
		run++
		cpu += n.CPU
		memory += n.Memory
		if r := n.rates(); r != nil && n.Role == string(mgmt.Worker) {
			packets += r.Packets
			dropped += r.Dropped
			captures++
		}
	}
	if run == 0 {
		return show.Page{show.Text{Text: fmt.Sprintf("No figures of a node are known. The newest sample is %s old.", span(now.Sub(f.newest()))), Tone: show.Faint}}
	}
	text := fmt.Sprintf("%s running on %s: %.2f processors, %s of memory", counted(run, "node"), counted(len(on), "instance"), cpu, bytesText(memory))
	page := show.Page{show.Text{Text: text}}
	if captures > 0 {
		cell := dropCell(shareOf(dropped, packets))
		page = append(page, show.Text{
			Text: fmt.Sprintf("%s: %s packets/s, %s %% dropped", counted(captures, "worker"), amount(packets), cell.Text), Tone: cell.Tone,
		})
	}
	return append(page, show.Text{Text: fmt.Sprintf("Sorted by %s. The newest sample is %s old.", order.Name, span(now.Sub(f.newest()))), Tone: show.Faint})
}

// bytesText returns a size of memory, such as 1.5 GiB.
func bytesText(n uint64) string {
	switch {
	case n >= 1<<40:
		return fmt.Sprintf("%.1f TiB", float64(n)/(1<<40))
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return gigabytes(n)
}
