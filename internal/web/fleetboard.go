package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// board is what the page of the fleet shows, written once for all who look at it. It makes
// itself anew when somebody asks, and only what looks different is written again.
type board struct {
	// life tells this board from that of another run of the program.
	life string

	mu        sync.Mutex // guards what follows
	snap      *mgmt.Snapshot
	figures   map[mgmt.InstanceName]samples.Host
	measured  time.Time // when figures were taken
	seq       uint64    // counts the changes
	instances []*boardInstance
	summary   boardPart
	crashed   []api.StatusCrash
	counted   uint64 // the newest event that crashed counts
	// gone are the instances that have left the board, the latest last. forgotten is the seq
	// of the latest one that is not in it any more.
	gone      []boardPart
	forgotten uint64
}

// boardPart is a text, and when it became that.
type boardPart struct {
	text string
	seq  uint64
}

type boardInstance struct {
	host ui.FleetHost
	head boardPart
	// whole is when the list of its nodes last changed.
	whole uint64
	nodes []boardNode
}

type boardNode struct {
	ui.FleetNode
	boardPart
}

func newBoard() *board {
	var life [6]byte
	rand.Read(life[:])
	return &board{life: hex.EncodeToString(life[:])}
}

// maxGone bounds the instances that have left the board and that it remembers.
const maxGone = 1000

// renew brings the board up to date.
func (s pages) renew(ctx context.Context) error {
	snap, err := s.cfg.Cluster.Snapshot(ctx)
	if err != nil {
		return unavailable(err)
	}
	now, newest, told := time.Now(), uint64(0), views(s).toldNodes(ctx)
	if s.cfg.Happenings != nil {
		newest = s.cfg.Happenings.Newest()
	}
	b := s.board
	b.mu.Lock()
	defer b.mu.Unlock()
	fresh := now.Sub(b.measured) >= s.cfg.FiguresInterval
	if snap == b.snap && newest == b.counted && !fresh {
		return nil
	}
	if fresh && s.cfg.Samples != nil {
		b.figures, b.measured = map[mgmt.InstanceName]samples.Host{}, now
		for _, h := range s.cfg.Samples.Latest(now) {
			b.figures[h.Instance] = h
		}
	}
	if newest != b.counted || b.snap == nil {
		b.crashed = views(s).recentCrashes(newLook(snap), now)
	}
	b.snap, b.counted = snap, newest
	b.seq++
	b.place(fleetOf(snap, b.figures, told))
	b.summary.set(ui.FleetSummary(clusterStatus(views(s), snap, now, b.crashed, reasonsOf(b.crashed), told)), b.seq)
	return nil
}

// reasonsOf returns why nodes have ended, as far as the events tell it, by "instance/node".
func reasonsOf(crashed []api.StatusCrash) map[string]string {
	reasons := map[string]string{}
	for _, c := range crashed {
		reasons[c.Instance+"/"+c.Node] = c.Text
	}
	return reasons
}

// set changes a text.
func (p *boardPart) set(text string, seq uint64) {
	if p.text != text {
		p.text, p.seq = text, seq
	}
}

// place puts instances on the board. What looks as before stays as it is. The caller holds mu.
func (b *board) place(now []fleetInstance) {
	before := map[string]*boardInstance{}
	for _, i := range b.instances {
		before[i.host.Instance] = i
	}
	b.instances = make([]*boardInstance, 0, len(now))
	for _, i := range now {
		one := before[i.Instance]
		if one == nil {
			one = &boardInstance{}
		}
		delete(before, i.Instance)
		one.become(i, b.seq)
		b.instances = append(b.instances, one)
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		b.gone = append(b.gone, boardPart{ui.FleetInstanceID(name), b.seq})
	}
	if over := len(b.gone) - maxGone; over > 0 {
		b.forgotten = b.gone[over-1].seq
		b.gone = slices.Delete(b.gone, 0, over)
	}
}

// become makes the instance on the board look as it is now.
func (one *boardInstance) become(i fleetInstance, seq uint64) {
	if one.host != i.FleetHost {
		one.host = i.FleetHost
		one.head.set(ui.FleetInstanceHead(i.FleetHost), seq)
	}
	same := len(one.nodes) == len(i.nodes)
	for j := 0; same && j < len(i.nodes); j++ {
		same = one.nodes[j].Name == i.nodes[j].Name
	}
	if !same || one.whole == 0 {
		one.whole, one.nodes = seq, make([]boardNode, len(i.nodes))
	}
	for j, n := range i.nodes {
		if at := &one.nodes[j]; at.FleetNode != n {
			at.FleetNode = n
			at.set(ui.FleetRow(n, false), seq)
		}
	}
}

// boardNews is what has changed on the board.
type boardNews struct {
	// seen names the state after the news.
	seen string
	// parts and rows are texts: rows of nodes apart from the rest. gone has the IDs of what
	// has left. With all, what was there before counts no more.
	parts, rows, gone []string
	all               bool
}

// news returns what has changed since a state, which is named as in an earlier answer. Of a
// state that is not known, everything is news.
func (b *board) news(seen string) boardNews {
	b.mu.Lock()
	defer b.mu.Unlock()
	life, number, _ := strings.Cut(seen, "-")
	since, err := strconv.ParseUint(number, 10, 64)
	n := boardNews{seen: fmt.Sprintf("%s-%d", b.life, b.seq)}
	if n.all = err != nil || life != b.life || since < b.forgotten || since > b.seq; n.all {
		since = 0
	}
	if b.summary.seq > since {
		n.parts = append(n.parts, b.summary.text)
	}
	for _, i := range b.instances {
		if i.whole > since {
			n.parts = append(n.parts, i.text(nil))
			continue
		}
		if i.head.seq > since {
			n.parts = append(n.parts, i.head.text)
		}
		for _, node := range i.nodes {
			if node.seq > since {
				n.rows = append(n.rows, node.text)
			}
		}
	}
	for _, g := range b.gone {
		if g.seq > since && !n.all {
			n.gone = append(n.gone, g.text)
		}
	}
	return n
}

// text returns the part of an instance. A filter that is not nil hides rows.
func (one *boardInstance) text(filter *ui.FleetFilter) string {
	rows := make([]string, len(one.nodes))
	for j, n := range one.nodes {
		rows[j] = n.boardPart.text
		if filter != nil && !filter.Takes(n.FleetNode) {
			rows[j] = ui.FleetRow(n.FleetNode, true)
		}
	}
	return ui.FleetInstance(one.host, rows)
}

// page returns what the page shows that has this filter.
func (b *board) page(filter ui.FleetFilter) ui.Fleet {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := ui.Fleet{Summary: b.summary.text, Filter: filter, Seen: fmt.Sprintf("%s-%d", b.life, b.seq)}
	for _, i := range b.instances {
		f.Instances = append(f.Instances, i.text(&filter))
	}
	return f
}

// events returns the news as server-sent events. It is empty if there are none.
func (n boardNews) events() []byte {
	var text []byte
	event := func(name, data string) { text = fmt.Appendf(text, "event: %s\ndata: %s\n\n", name, data) }
	if n.all {
		event("all", "")
	}
	if len(n.gone) > 0 {
		ids, err := json.Marshal(n.gone)
		if err != nil {
			panic("web: names cannot be encoded: " + err.Error())
		}
		event("gone", string(ids))
	}
	if len(n.parts) > 0 {
		event("parts", strings.Join(n.parts, ""))
	}
	if len(n.rows) > 0 {
		event("rows", strings.Join(n.rows, ""))
	}
	if len(text) > 0 && n.seen != "" {
		text = fmt.Appendf(text, "event: seen\nid: %s\ndata: %s\n\n", n.seen, n.seen)
	}
	return text
}

// fleetInstance is an instance as the fleet shows it.
type fleetInstance struct {
	ui.FleetHost
	nodes []ui.FleetNode
}

// fleetOf returns how the fleet looks. told has what agents have told of their nodes, by
// "instance/node".
func fleetOf(snap *mgmt.Snapshot, figures map[mgmt.InstanceName]samples.Host, told map[string]toldNode) []fleetInstance {
	look := newLook(snap)
	paused := map[mgmt.NodeName]bool{}
	for _, name := range snap.Paused {
		paused[name] = true
	}
	list := make([]fleetInstance, 0, len(snap.Instances))
	for _, in := range snap.Instances {
		one := fleetInstance{FleetHost: ui.FleetHost{Instance: string(in.Name), Standing: string(in.Standing), Since: utc(in.Since)}}
		sample, sampled := figures[in.Name]
		at := map[mgmt.NodeName]int{}
		if sampled {
			hostFigures(&one.FleetHost, sample)
			for i := range sample.Sample.Nodes {
				at[sample.Sample.Nodes[i].Node] = i
			}
		}
		for _, n := range in.Nodes {
			if !look.shows(in, n) {
				continue
			}
			row := ui.FleetNode{Instance: string(in.Name), Name: string(n.Node), Role: string(n.ClusterRole), State: string(n.State)}
			row.Since = utc(told[row.Instance+"/"+row.Name].began(n).Truncate(time.Second))
			switch {
			case look.stopped[n.Node] && look.expected[n.Node] == in.Name:
				row.Mark = "stopped by a user"
			case paused[n.Node] && look.expected[n.Node] == in.Name:
				row.Mark = "paused"
			}
			if i, known := at[n.Node]; known && (n.State == mgmt.Running || n.State == mgmt.Pending) {
				nodeFigures(&row, sample.Sample.Nodes[i], sample.Nodes[i])
			}
			one.nodes = append(one.nodes, row)
		}
		list = append(list, one)
	}
	return list
}

// nodeFigures sets the figures of a node.
func nodeFigures(row *ui.FleetNode, n mgmt.NodeSample, r samples.NodeRates) {
	if n.PID == 0 {
		return
	}
	row.Measured(n.CPU, n.Memory)
	if n.Zeek == nil {
		return
	}
	row.Waits(r.Waiting)
	if r.Known && (n.Interface != "" || n.Zeek.Lag != nil || n.Zeek.Received > 0) {
		row.Captured(r.Packets, r.DropShare)
	}
	if n.Zeek.Lag != nil {
		row.Lags(*n.Zeek.Lag)
	}
}

// hostFigures sets the figures of a host.
func hostFigures(host *ui.FleetHost, h samples.Host) {
	host.Measured(h.Sample.Busy, h.Sample.CPUs, api.Memory(h.Sample.Memory))
	var packets, bits float64
	captures := false
	for i, in := range h.Sample.Interfaces {
		if in.Capture && h.Interfaces[i].Known {
			captures = true
			packets += h.Interfaces[i].Packets
			bits += 8 * h.Interfaces[i].Bytes
		}
	}
	if captures {
		host.Captured(packets, bits)
	}
}
