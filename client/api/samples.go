package api

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Samples are the newest figures of instances.
type Samples struct {
	Time  time.Time    `json:"time" doc:"When the controller answered, by its clock. The age of a sample is the time from its heard to this."`
	Items []HostSample `json:"items" nullable:"false" doc:"One for each instance, also for those of which nothing is known. They are sorted by name."`
	Next  string       `json:"next,omitempty" doc:"The value of the parameter after for the next page. Absent on the last page."`
}

// Each calls f for each instance.
func (s Samples) Each(f func(item any)) {
	for _, item := range s.Items {
		f(item)
	}
}

// HostSample is what an agent has measured on its host.
type HostSample struct {
	Instance string    `json:"instance"`
	Err      string    `json:"err,omitempty" doc:"Why nothing is known of the instance. All figures are absent or 0 then."`
	Heard    time.Time `json:"heard,omitzero" doc:"When the sample came, by the controller's clock."`
	Skew     float64   `json:"skew_seconds,omitempty" doc:"How far the clock of the host was before that of the controller, less the time that the sample took on its way."`

	CPUs       int               `json:"cpus,omitempty"`
	Busy       float64           `json:"busy" doc:"How many of the processors were at work since the sample before."`
	Load       [3]float64        `json:"load" doc:"The load of the last 1, 5 and 15 minutes."`
	Memory     Memory            `json:"memory"`
	Disks      []Disk            `json:"disks" nullable:"false"`
	Interfaces []InterfaceSample `json:"interfaces" nullable:"false"`
	Nodes      []NodeSample      `json:"nodes" nullable:"false"`
	Peers      []PeerSample      `json:"peers" nullable:"false" doc:"The connections of the agent itself."`
}

// NodeSample is what was measured of a node.
type NodeSample struct {
	Node      string       `json:"node"`
	Role      string       `json:"role,omitempty" doc:"Its role in the Zeek cluster."`
	State     string       `json:"state,omitempty" doc:"Its state, as the controller last heard of it."`
	Err       string       `json:"err,omitempty" doc:"Why nothing was measured of the node. Absent if something was."`
	PID       int          `json:"pid,omitempty" doc:"Absent if the node has no process. Then nothing is known but restarts and interface."`
	Started   time.Time    `json:"started,omitzero"`
	Restarts  uint64       `json:"restarts" doc:"How often the agent has started the node again."`
	CPU       float64      `json:"cpu" doc:"The processors that it used since the sample before: 1 is one whole processor."`
	Memory    uint64       `json:"memory" doc:"Its resident memory, in bytes."`
	Threads   int          `json:"threads"`
	Files     int          `json:"files" doc:"The files that it has open."`
	Interface string       `json:"interface,omitempty" doc:"The interface on which it captures."`
	Zeek      *ZeekSample  `json:"zeek,omitempty" doc:"What the node has told itself. Absent if it has told nothing."`
	Peers     []PeerSample `json:"peers,omitempty" nullable:"false" doc:"The connections of the node, if it tells them."`
	Metrics   uint16       `json:"metrics_port,omitempty" doc:"The port of the node's own Prometheus endpoint."`
}

// ZeekSample is what a node has told itself. The counts begin with the node's process.
type ZeekSample struct {
	Received uint64     `json:"packets_received"`
	Dropped  uint64     `json:"packets_dropped" doc:"Packets that came to the node's capture and were lost before the node saw them."`
	Link     uint64     `json:"packets_on_link" doc:"Packets that the node's packet source has seen on the link. Many sources count none."`
	Bytes    uint64     `json:"bytes_received"`
	Waiting  uint64     `json:"events_waiting" doc:"Events that are queued in the node."`
	Lag      *float64   `json:"lag_seconds,omitempty" doc:"How far the time of the last packet is behind the clock. Absent for a node that captures nothing."`
	Rates    *NodeRates `json:"rates,omitempty" doc:"Absent until two samples of the same process are there."`
}

// NodeRates are the rates of a node since the sample before.
type NodeRates struct {
	Packets   float64 `json:"packets_per_second"`
	Bytes     float64 `json:"bytes_per_second"`
	Dropped   float64 `json:"dropped_per_second"`
	DropShare float64 `json:"drop_share" doc:"The share of all packets that was dropped, from 0 to 1."`
	Events    float64 `json:"events_per_second" doc:"Events that the node has handled."`
}

// InterfaceSample is what the kernel and the network card of a host have told of an
// interface. The counts begin with the interface.
type InterfaceSample struct {
	Name        string          `json:"name"`
	Capture     bool            `json:"capture" doc:"Nodes capture on it."`
	Up          bool            `json:"up" doc:"It is switched on."`
	Link        bool            `json:"link" doc:"It is on, and has a link."`
	Speed       uint64          `json:"speed,omitempty" doc:"Bits per second. Absent if it is not known."`
	Promiscuous bool            `json:"promiscuous" doc:"It takes packets that are for others."`
	Packets     uint64          `json:"packets" doc:"Received."`
	Bytes       uint64          `json:"bytes" doc:"Received."`
	Errors      uint64          `json:"errors"`
	Dropped     uint64          `json:"dropped" doc:"Packets that the kernel or the card had to drop, before any node could see them."`
	Rates       *InterfaceRates `json:"rates,omitempty" doc:"Absent until two samples are there."`
}

// InterfaceRates are the rates of an interface since the sample before.
type InterfaceRates struct {
	Packets   float64 `json:"packets_per_second"`
	Bytes     float64 `json:"bytes_per_second"`
	Errors    float64 `json:"errors_per_second"`
	Dropped   float64 `json:"dropped_per_second"`
	DropShare float64 `json:"drop_share" doc:"The share of all packets that was dropped, from 0 to 1."`
}

// PeerSample is a connection as one of its ends sees it.
type PeerSample struct {
	Peer     string    `json:"peer" doc:"The other end: a node, an agent, a controller, or an address."`
	Addr     string    `json:"addr,omitempty"`
	Kind     string    `json:"kind,omitempty" doc:"The protocol: broker, websocket, zeromq."`
	Since    time.Time `json:"since,omitzero" doc:"Absent if it is not known."`
	Queued   uint64    `json:"queued" doc:"The messages that wait for the other end."`
	Limit    uint64    `json:"limit,omitempty" doc:"How many may wait. Absent if it is not known."`
	Sent     *uint64   `json:"sent,omitempty" doc:"Messages for the other end, with those that still wait. Absent if it is not known."`
	Received *uint64   `json:"received,omitempty" doc:"Messages. Absent if it is not known."`
	Dropped  *uint64   `json:"dropped,omitempty" doc:"Messages that were lost because too many waited. Absent if it is not known."`
}

// SampleQuery says which figures to return. Its zero value means those of all instances.
type SampleQuery struct {
	// Instance, Role and Node are those of the nodes. Empty means all. With Role or Node,
	// instances without such a node are left out.
	Instance, Role, Node string
	// Newer, if Wait is not zero, waits up to Wait for figures that the controller has heard
	// after this time, which is that of an earlier answer.
	Newer time.Time
	Wait  time.Duration
}

// Samples returns the newest figures of all instances that a query names.
func (c *Client) Samples(ctx context.Context, q SampleQuery) (all Samples, err error) {
	r := request{method: http.MethodGet, path: PathSamples, query: url.Values{}, wait: q.Wait}
	for key, value := range map[string]string{"instance": q.Instance, "role": q.Role, "node": q.Node} {
		if value != "" {
			r.query.Set(key, value)
		}
	}
	if q.Wait > 0 {
		r.query.Set("wait", strconv.Itoa(int(q.Wait/time.Second)))
		if !q.Newer.IsZero() {
			r.query.Set("newer", q.Newer.UTC().Format(time.RFC3339Nano))
		}
	}
	for {
		var page Samples
		if err := c.do(ctx, r, &page); err != nil {
			return Samples{}, err
		}
		all.Time, all.Items = page.Time, append(all.Items, page.Items...)
		switch {
		case page.Next == "":
			return all, nil
		case page.Next <= r.query.Get("after"), len(all.Items) > MaxItems:
			return Samples{}, fmt.Errorf("the controller at %s never comes to the end of %s", c.cfg.Address, PathSamples)
		}
		r.query.Set("after", page.Next)
		r.query.Del("wait")
		r.wait = 0
	}
}

// HistoryQuery says which figures to return, of a node, of an interface, or of the host if
// both are empty.
type HistoryQuery struct {
	Instance, Node, Interface string
	// Figures are some that there are of it. None stands for all.
	Figures []string
	// From and To are the ends. Zero means an hour before To, and now.
	From, To time.Time
	// Step is the time between two points. Zero means the finest that is kept.
	Step time.Duration
}

// SampleHistory are figures over some time.
type SampleHistory struct {
	Instance  string    `json:"instance"`
	Node      string    `json:"node,omitempty"`
	Interface string    `json:"interface,omitempty"`
	Start     time.Time `json:"start" doc:"When the first point begins, by the controller's clock."`
	Step      float64   `json:"step_seconds" doc:"The time between two points."`
	Series    []Series  `json:"series" nullable:"false"`
}

// Series is one figure over some time.
type Series struct {
	Figure string     `json:"figure" enum:"cpu,memory,packets,dropped,drop_share,lag,events,bits,busy"`
	Unit   string     `json:"unit" doc:"What a point counts: processors, bytes, 1/s, bit/s, s, or 1 for a share."`
	Points []*float64 `json:"points" nullable:"false" doc:"Each is the mean of the time from there to the next one. Null where nothing is known."`
}

// SampleHistory returns figures over some time. Those that are kept go back a day.
func (c *Client) SampleHistory(ctx context.Context, q HistoryQuery) (h SampleHistory, err error) {
	query := url.Values{"instance": {q.Instance}}
	set := func(key, value string) {
		if value != "" {
			query.Set(key, value)
		}
	}
	set("node", q.Node)
	set("interface", q.Interface)
	set("figures", strings.Join(q.Figures, ","))
	if !q.From.IsZero() {
		set("from", q.From.UTC().Format(time.RFC3339Nano))
	}
	if !q.To.IsZero() {
		set("to", q.To.UTC().Format(time.RFC3339Nano))
	}
	if q.Step > 0 {
		set("step", strconv.Itoa(int(max(q.Step/time.Second, 1))))
	}
	return h, c.do(ctx, request{method: http.MethodGet, path: PathSampleHistory, query: query}, &h)
}
