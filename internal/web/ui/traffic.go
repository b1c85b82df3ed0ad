package ui

import (
	"fmt"
	"math"
	"strconv"
	"time"

	g "maragu.dev/gomponents"

	"github.com/zeekfleet/zeekfleet/client/api"
	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// Traffic is what the page of the traffic shows: the newest figures of all instances.
type Traffic struct{ Hosts []api.HostSample }

// TrafficPath returns the path of the page of an interface.
func TrafficPath(instance, iface string) string { return below(PathTraffic, instance, iface) }

// TrafficPage is the page of the traffic.
func TrafficPage(t Traffic) Content {
	var body g.Group
	for _, p := range TrafficPieces(t) {
		body = append(body, p.show())
	}
	return Content{Title: "Traffic", Live: true, Body: g.Group{Head("Traffic"), live(PathTraffic+"/stream", body)}}
}

// TrafficPieces are the parts of the page of the traffic.
func TrafficPieces(t Traffic) []Piece {
	return []Piece{
		pieceOf("traffic-sum", h.Section(h.ID("traffic-sum"), h.Class("summary"), h.Aria("label", "Summary"), trafficSum(t))),
		pieceOf("traffic-interfaces", h.Section(h.ID("traffic-interfaces"), h.Class("panel"), h.H2(h.Text("Interfaces")), interfacesTable(t))),
		pieceOf("traffic-workers", h.Section(h.ID("traffic-workers"), h.Class("panel"), h.H2(h.Text("Workers")), workersTable(t))),
	}
}

// lossShare is the share of packets that was lost.
func lossShare(packets, dropped float64) float64 {
	if packets+dropped <= 0 {
		return 0
	}
	return dropped / (packets + dropped)
}

func trafficSum(t Traffic) g.Node {
	var packets, bits, lostByHosts, seen, lostByNodes float64
	interfaces, nodes, untold := 0, 0, []g.Node{}
	for _, host := range t.Hosts {
		if host.Err != "" {
			untold = append(untold, h.Li(h.A(h.Href(InstancePath(host.Instance)), h.Text(host.Instance)), h.Text(": "+host.Err)))
		}
		for _, i := range host.Interfaces {
			if i.Capture && i.Rates != nil {
				interfaces++
				packets, bits, lostByHosts = packets+i.Rates.Packets, bits+8*i.Rates.Bytes, lostByHosts+i.Rates.Dropped
			}
		}
		for _, n := range host.Nodes {
			if n.Zeek != nil && n.Zeek.Rates != nil {
				nodes++
				seen, lostByNodes = seen+n.Zeek.Rates.Packets, lostByNodes+n.Zeek.Rates.Dropped
			}
		}
	}
	// A dash is for what nobody has measured: it is not 0.
	known := func(measured int, figure g.Node) g.Node {
		if measured == 0 {
			return h.Text("–")
		}
		return figure
	}
	return g.Group{
		h.Div(h.Class("panel"), Facts(
			Fact{"Interfaces on which nodes capture", h.Text(strconv.Itoa(interfaces))},
			Fact{"Packets", known(interfaces, h.Text(rate(packets)+"/s"))}, Fact{"Traffic", known(interfaces, h.Text(bitRate(bits)))},
			Fact{"Lost before the nodes", known(interfaces, lost(lossShare(packets, lostByHosts), lostByHosts))},
			Fact{"Lost by the nodes", known(nodes, lost(lossShare(seen, lostByNodes), lostByNodes))})),
		g.If(len(untold) > 0, Note("warn", h.Strong(h.Text("Instances without figures")), h.Ul(untold...))),
	}
}

// lost shows a share of packets that was lost, and how many that are. Much is marked.
func lost(share, perSecond float64) g.Node {
	text := g.Node(h.Text(percent(share)))
	if share >= worryingDrops {
		text = h.Strong(h.Class("bad-text"), text)
	}
	if perSecond > 0 && perSecond < 0.5 {
		return g.Group{text, h.Span(h.Class("muted"), h.Text(" <1/s"))}
	}
	return g.Group{text, g.If(perSecond > 0, h.Span(h.Class("muted"), h.Text(" "+rate(perSecond)+"/s")))}
}

func interfacesTable(t Traffic) g.Node {
	var rows g.Group
	for _, host := range t.Hosts {
		for _, i := range host.Interfaces {
			rows = append(rows, interfaceRow(host.Instance, i))
		}
	}
	if len(rows) == 0 {
		return none("No figures of an interface are known.")
	}
	return tableOf("Interfaces", []string{"Interface", "#Packets", "#Traffic", "#Dropped", "#Of its speed", "#Errors", "Link"}, h.TBody(rows))
}

func interfaceRow(instance string, i api.InterfaceSample) g.Node {
	figures := g.Group{num("–"), num("–"), num("–"), num("–"), num("–")}
	if r := i.Rates; r != nil {
		use := "–"
		if i.Speed > 0 {
			use = percent(8 * r.Bytes / float64(i.Speed))
		}
		figures = g.Group{num(rate(r.Packets) + "/s"), num(bitRate(8 * r.Bytes)), h.Td(h.Class("num"), lost(r.DropShare, r.Dropped)), num(use), num(rate(r.Errors) + "/s")}
	}
	return h.Tr(h.Th(h.Scope("row"), h.A(h.Href(TrafficPath(instance, i.Name)), h.Text(i.Name)), onInstance(instance), g.If(i.Capture, h.Span(h.Class("mark"), h.Text("capture")))),
		figures, cell(linkState(i)))
}

func onInstance(instance string) g.Node {
	return h.Span(h.Class("muted"), h.Text(" on "), h.A(h.Href(InstancePath(instance)), h.Text(instance)))
}

func linkState(i api.InterfaceSample) g.Node {
	kind, text := "good", "up"
	switch {
	case !i.Up:
		kind, text = "bad", "off"
	case !i.Link:
		kind, text = "bad", "no link"
	case i.Speed > 0:
		text = bitRate(float64(i.Speed))
	}
	if !i.Capture && kind == "bad" {
		kind = "idle"
	}
	return h.Span(h.Class("state "+kind), h.Text(text))
}

func workersTable(t Traffic) g.Node {
	var rows g.Group
	for _, host := range t.Hosts {
		for _, n := range host.Nodes {
			if n.Interface != "" || n.Role == "WORKER" {
				rows = append(rows, workerRow(host.Instance, n))
			}
		}
	}
	if len(rows) == 0 {
		return none("No node captures.")
	}
	return tableOf("Workers", []string{"Node", "#Packets", "#Traffic", "#Dropped", "#Lag", "#CPU", "Interface"}, h.TBody(rows))
}

func workerRow(instance string, n api.NodeSample) g.Node {
	begin := h.Th(h.Scope("row"), h.A(h.Href(NodePath(instance, n.Node)), h.Text(n.Node)), onInstance(instance), g.If(n.State != "" && n.State != "RUNNING", g.Group{h.Text(" "), State(n.State)}))
	if n.Zeek == nil || n.Zeek.Rates == nil {
		why := n.Err
		if why == "" {
			why = "it has told no figures yet"
		}
		return h.Tr(begin, h.Td(h.ColSpan("5"), h.Class("muted words"), h.Text(why)), cell(h.Text(n.Interface)))
	}
	r, lag := n.Zeek.Rates, "–"
	if n.Zeek.Lag != nil {
		lag = fmt.Sprintf("%.1f s", math.Max(*n.Zeek.Lag, 0))
	}
	return h.Tr(begin, num(rate(r.Packets)+"/s"), num(bitRate(8*r.Bytes)), h.Td(h.Class("num"), lost(r.DropShare, r.Dropped)), num(lag), num(percent(n.CPU)), cell(h.Text(n.Interface)))
}

// Interface is what the page of an interface shows.
type Interface struct {
	// Span is the time that its charts show: "1h" or "24h".
	Instance, Name, Span string
	// Host has the newest figures of the interface and of the nodes that capture there.
	Host    api.HostSample
	History api.SampleHistory
}

// InterfacePage is the page of an interface.
func InterfacePage(i Interface) Content {
	here := TrafficPath(i.Instance, i.Name)
	span := func(name, text string) g.Node {
		return h.A(h.Href(withQuery(here, "span", name)), g.If(name == i.Span, h.Aria("current", "true")), h.Text(text))
	}
	title := i.Name + " on " + i.Instance
	return Content{Title: title, Live: true, Charts: true, Body: g.Group{
		Head(title, ButtonLink(PathTraffic, "All traffic"), ButtonLink(InstancePath(i.Instance), "The instance")),
		live(here+"/stream", InterfaceNow(i).show()),
		Panel("History", h.P(h.Class("tabs"), span("1h", "The last hour"), h.Text(" "), span("24h", "The last day")),
			h.Div(h.Class("charts"), h.Data("instance", i.Instance), h.Data("interface", i.Name), h.Data("figures", "packets,bits,drop_share"), h.Data("from", i.Span), h.Attr("hidden")),
			h.Details(h.Summary(h.Text("As a table")), trafficTable(i.History))),
	}}
}

// InterfaceNow is what the page of an interface shows of the present.
func InterfaceNow(i Interface) Piece {
	return pieceOf("interface-now", h.Section(h.ID("interface-now"), h.Class("panel"), h.Aria("label", "Now"),
		g.If(i.Host.Err != "", Note("warn", h.Text(i.Host.Err))),
		interfacesTable(Traffic{[]api.HostSample{{Instance: i.Instance, Interfaces: i.Host.Interfaces}}}),
		h.H3(h.Text("Nodes that capture there")), workersTable(Traffic{[]api.HostSample{i.Host}})))
}

// trafficTable shows figures over some time as a table, the newest first.
func trafficTable(past api.SampleHistory) g.Node {
	headings, points := []string{"Time"}, 0
	for _, s := range past.Series {
		headings, points = append(headings, "#"+figureName(s.Figure)), max(points, len(s.Points))
	}
	var rows g.Group
	for p := points - 1; p >= 0; p-- {
		cells, known := g.Group{h.Td(h.Class("time"), Moment(past.Start.Add(time.Duration(float64(p)*past.Step*float64(time.Second)))))}, false
		for _, s := range past.Series {
			var v *float64
			if p < len(s.Points) {
				v = s.Points[p]
			}
			known = known || v != nil
			cells = append(cells, num(figureText(s.Unit, v)))
		}
		if known {
			rows = append(rows, h.Tr(cells))
		}
	}
	if len(rows) == 0 {
		return none("Nothing was measured in this time.")
	}
	return tableOf("History", headings, h.TBody(rows))
}
