package ui

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Instance is an instance with what is known of its host.
type Instance struct {
	api.Instance
	// Host is nil if its agent has told nothing.
	Host *api.Host
	// Certificate is when the newest certificate of its agent ends. It is zero if the user may
	// not know, or if there is none.
	Certificate time.Time
	// Wrong is what is not well there.
	Wrong []api.StatusDetail
}

// Instances is what the page of the instances shows.
type Instances struct {
	Now  time.Time
	List []Instance
	// CanJoin says that the user may make joining tokens, and sees certificates.
	CanJoin bool
}

// InstancesPage is the page of the instances.
func InstancesPage(i Instances) Content {
	return Content{Title: "Instances", Live: true, Body: g.Group{
		Head("Instances", g.If(i.CanJoin, g.Group{ButtonLink(TokenPath("join"), "Let an instance join…", "primary"), ButtonLink(PathTokens, "Tokens")})),
		live(PathInstancesStream, InstancesNow(i).show()),
	}}
}

// InstancesNow is all that the page of the instances shows.
func InstancesNow(i Instances) Piece {
	if len(i.List) == 0 {
		return pieceOf("instances-now", h.Section(h.ID("instances-now"), h.Class("panel"), h.Aria("label", "Instances"),
			none("There is no instance yet. An instance is a host with an agent; a joining token brings it into the cluster.")))
	}
	headings := []string{"Instance", "Standing", "Address", "Agent", "Zeek", "#Nodes", "System", "#Load", "#Memory", "#Fullest disk"}
	if i.CanJoin {
		headings = append(headings, "Certificate until")
	}
	return pieceOf("instances-now", h.Section(h.ID("instances-now"), h.Class("panel"), h.Aria("label", "Instances"),
		tableOf("Instances", headings, h.TBody(g.Map(i.List, func(one Instance) g.Node { return instanceRow(i, one) })))))
}

func instanceRow(i Instances, one Instance) g.Node {
	cells := g.Group{
		h.Th(h.Scope("row"), h.A(h.Href(InstancePath(one.Name)), h.Text(one.Name)), g.If(len(one.Wrong) > 0, h.Span(h.Class("mark bad-text"), h.Text(fmt.Sprintf("%d not well", len(one.Wrong)))))),
		cell(State(one.Standing), g.If(!one.Since.IsZero(), h.Span(h.Class("muted"), h.Text(" "), Age(i.Now, one.Since)))), cell(h.Text(one.Address)),
	}
	host := api.Host{}
	if one.Host != nil {
		host = *one.Host
	}
	load, memory, disk := "", "", ""
	if host.CPUs > 0 {
		load = fmt.Sprintf("%.2f of %d", host.Load[0], host.CPUs)
	}
	if host.Memory.Total > 0 {
		memory = percent(used(host.Memory.Total, host.Memory.Available))
	}
	if full, ok := fullest(host.Disks); ok {
		disk = percent(used(full.Total, full.Free))
	}
	cells = append(cells, cell(h.Text(host.Version)), cell(h.Text(host.ZeekVersion)), num(strconv.Itoa(one.Nodes)), words(h.Text(host.OS)), num(load), num(memory), num(disk))
	if i.CanJoin {
		cells = append(cells, h.Td(h.Class("time"), certificateEnd(i.Now, one.Certificate)))
	}
	return h.Tr(cells)
}

// soonEnds is how long before its end a certificate is marked: agents renew theirs earlier.
const soonEnds = 7 * 24 * time.Hour

func certificateEnd(now, end time.Time) g.Node {
	if !end.IsZero() && end.Sub(now) < soonEnds {
		return h.Strong(h.Class("bad-text"), Moment(end))
	}
	return Moment(end)
}

func used(total, free uint64) float64 { return 1 - float64(min(free, total))/float64(max(total, 1)) }

// fullest returns the disk of which most is used.
func fullest(disks []api.Disk) (full api.Disk, ok bool) {
	for _, d := range disks {
		if d.Total > 0 && (!ok || used(d.Total, d.Free) > used(full.Total, full.Free)) {
			full, ok = d, true
		}
	}
	return full, ok
}

// InstanceDetail is what the page of an instance shows.
type InstanceDetail struct {
	Now time.Time
	Instance
	// Nodes are those of the cluster: no agent, and no controller.
	Nodes []api.Node
	// Interfaces are those that its agent has measured, and Untold says why there are none.
	Interfaces []api.InterfaceSample
	Untold     string
	// Certificates are those of its agent and of its nodes.
	Certificates []api.IssuedCertificate
	// CanJoin is as in Instances, CanOperate says that the user may start and stop nodes, and
	// CanCheck that the user may let it run its preflight.
	CanJoin, CanOperate, CanCheck bool
}

// InstancePage is the page of an instance.
func InstancePage(d InstanceDetail) Content {
	act := func(kind, text string) g.Node {
		return ButtonLink(OperatePath(kind, InstancePath(d.Name), nodesOf(d.Nodes)), text)
	}
	return Content{Title: d.Name, Live: true, Body: g.Group{
		Head(d.Name, g.If(d.CanOperate && nodesOf(d.Nodes) != "", g.Group{act(api.KindRestart, "Restart its nodes…"), act(api.KindStop, "Stop its nodes…")}),
			g.If(d.CanCheck, PreflightButton(d.Name, "Run a preflight", false)),
			g.If(d.CanJoin, ButtonLink(withQuery(TokenPath("join"), "instance", d.Name), "Let it join again…")),
			ButtonLink(withQuery(PathEvents, "instance", d.Name), "Its events")),
		live(below(InstancePath(d.Name), "stream"), g.Map(InstanceNow(d), Piece.show)),
		g.If(d.CanJoin, Panel("Certificates", certificatesTable(d.Now, d.Certificates),
			g.If(len(d.Certificates) > 0, h.Div(h.Class("actions"), ButtonLink(RevokeIdentityPath("agent/"+d.Name), "Revoke all of them…"))))),
	}}
}

// nodesOf returns the names of nodes.
func nodesOf(list []api.Node) string {
	var names []string
	for _, n := range list {
		names = append(names, n.Name)
	}
	return strings.Join(names, " ")
}

// InstanceNow is what the page of an instance shows of the present.
func InstanceNow(d InstanceDetail) []Piece {
	host := api.Host{}
	if d.Host != nil {
		host = *d.Host
	}
	facts := []Fact{
		{"Standing", g.Group{State(d.Standing), h.Text(" "), Age(d.Now, d.Since)}}, {"Address of its agent", textOr(d.Address, nil)},
		{"Connection", h.Text(map[bool]string{true: "the controller dials it", false: "its agent dials the controller"}[d.Dialed])},
		{"Agent", textOr(host.Version, nil)}, {"Agent started", orMoment(host.Started)}, {"Zeek", textOr(host.ZeekVersion, nil)}, {"Path of Zeek", textOr(host.ZeekPath, nil)}, {"Limits by", textOr(host.LimitsBy, nil)},
		{"Host name", textOr(host.Hostname, nil)}, {"System", textOr(host.OS, nil)}, {"Kernel", textOr(strings.TrimSpace(host.Kernel+" "+host.Arch), nil)}, {"Booted", orMoment(host.Booted)},
		{"Clock", clock(host)}, {"Load", loadText(host)}, {"Memory", memoryText(host.Memory)}, {"Told", orMoment(host.Heard)},
	}
	wrong := Note("good", h.Strong(h.Text("Everything is well there.")))
	if len(d.Wrong) > 0 {
		wrong = Note("bad", h.Strong(h.Text("What is not well there")), h.Ul(g.Map(d.Wrong, func(s api.StatusDetail) g.Node { return h.Li(wrongThere(s)) })))
	}
	return []Piece{
		pieceOf("instance-wrong", h.Div(h.ID("instance-wrong"), h.Class("summary"), wrong, g.If(host.Err != "", Note("warn", h.Text("Of the host: "+host.Err))))),
		pieceOf("instance-now", h.Section(h.ID("instance-now"), h.Class("panel"), h.Aria("label", "Facts"), Facts(facts...))),
		pieceOf("instance-nodes", h.Section(h.ID("instance-nodes"), h.Class("panel"), h.H2(h.Text("Nodes")), nodesTable(d))),
		pieceOf("instance-parts", h.Div(h.ID("instance-parts"), h.Class("columns"), Panel("Disks", disksTable(host.Disks)), Panel("Interfaces", interfacesOf(d)))),
	}
}

func wrongThere(d api.StatusDetail) g.Node {
	if d.Node == "" {
		return g.Group{State(d.State), h.Text(" " + d.Text)}
	}
	return g.Group{h.A(h.Href(NodePath(d.Instance, d.Node)), h.Text(d.Node)), h.Text(" "), State(d.State), h.Text(" " + d.Text)}
}

func clock(host api.Host) g.Node {
	if host.Clock.IsZero() {
		return nil
	}
	return g.Group{Moment(host.Clock), g.If(host.Unsynced, h.Strong(h.Class("bad-text"), h.Text(" nothing keeps it right")))}
}

func loadText(host api.Host) g.Node {
	if host.CPUs == 0 {
		return nil
	}
	return h.Text(fmt.Sprintf("%.2f, %.2f, %.2f on %s", host.Load[0], host.Load[1], host.Load[2], count(host.CPUs, "processor", "processors")))
}

func memoryText(m api.Memory) g.Node {
	if m.Total == 0 {
		return nil
	}
	text := fmt.Sprintf("%s of %s used", bytesText(m.Total-min(m.Available, m.Total)), bytesText(m.Total))
	if m.SwapTotal > 0 {
		text += fmt.Sprintf(", swap: %s of %s", bytesText(m.SwapTotal-min(m.SwapFree, m.SwapTotal)), bytesText(m.SwapTotal))
	}
	return h.Text(text)
}

func nodesTable(d InstanceDetail) g.Node {
	if len(d.Nodes) == 0 {
		return none("No node is known there.")
	}
	return tableOf("Nodes", []string{"Node", "Role", "State", "#PID", "Version"}, h.TBody(g.Map(d.Nodes, func(n api.Node) g.Node {
		pid := ""
		if n.PID > 0 {
			pid = strconv.FormatInt(n.PID, 10)
		}
		return h.Tr(h.Th(h.Scope("row"), h.A(h.Href(NodePath(n.Instance, n.Name)), h.Text(n.Name))), cell(h.Text(roleName(n.Role))),
			cell(State(n.State), g.If(!n.Since.IsZero(), h.Span(h.Class("muted"), h.Text(" "), Age(d.Now, n.Since)))), num(pid), cell(h.Text(n.Version)))
	})))
}

func disksTable(disks []api.Disk) g.Node {
	if len(disks) == 0 {
		return none("Nothing is known of its disks.")
	}
	return tableOf("Disks", []string{"For", "Directory", "#Used", "#Free", "#Size"}, h.TBody(g.Map(disks, func(d api.Disk) g.Node {
		if d.Err != "" {
			return h.Tr(h.Th(h.Scope("row"), h.Text(d.Use)), words(h.Text(d.Path)), h.Td(h.ColSpan("3"), h.Class("bad-text"), h.Text(d.Err)))
		}
		share := used(d.Total, d.Free)
		return h.Tr(h.Th(h.Scope("row"), h.Text(d.Use)), words(h.Text(d.Path)),
			h.Td(h.Class("num"), g.If(share >= fullDisk, h.Strong(h.Class("bad-text"), h.Text(percent(share)))), g.If(share < fullDisk, h.Text(percent(share)))),
			num(bytesText(d.Free)), num(bytesText(d.Total)))
	})))
}

// fullDisk is the share of a disk from which on it is marked.
const fullDisk = 0.9

func interfacesOf(d InstanceDetail) g.Node {
	if len(d.Interfaces) == 0 {
		why := d.Untold
		if why == "" {
			why = "No figures of an interface are known."
		}
		return none(why)
	}
	return tableOf("Interfaces", []string{"Interface", "Link", "#Packets", "#Dropped"}, h.TBody(g.Map(d.Interfaces, func(i api.InterfaceSample) g.Node {
		packets, dropped := g.Node(h.Text("–")), g.Node(h.Text("–"))
		if i.Rates != nil {
			packets, dropped = h.Text(rate(i.Rates.Packets)+"/s"), lost(i.Rates.DropShare, i.Rates.Dropped)
		}
		return h.Tr(h.Th(h.Scope("row"), h.A(h.Href(TrafficPath(d.Name, i.Name)), h.Text(i.Name)), g.If(i.Capture, h.Span(h.Class("mark"), h.Text("capture")))),
			cell(linkState(i)), h.Td(h.Class("num"), packets), h.Td(h.Class("num"), dropped))
	})))
}
