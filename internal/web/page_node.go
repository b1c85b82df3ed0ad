package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// registerNode adds the pages of a node and of its crashes.
func (a *routes) registerNode() {
	s := pages{a.s}
	look := rowOf(mgmt.GetNodesRequest{})
	node := ui.PathInstances + "/{instance}/nodes/{node}"
	in := ui.PathFleet
	a.page(page{pattern: "GET " + node, may: look, section: in}, s.node)
	a.page(page{pattern: "GET " + node + "/stream", may: look}, s.nodeStream)
	a.page(page{pattern: "GET " + node + "/output", may: rowOfStream(mgmt.StreamLogs), section: in}, s.nodeOutput)
	a.page(page{pattern: "GET " + node + "/crashes", may: rowOfStream(mgmt.StreamCrashes), section: in}, s.nodeCrashes)
	a.page(page{pattern: "GET " + node + "/diag", may: rowOfStream(mgmt.StreamDiag), section: in}, s.nodeDiag)
	a.page(page{pattern: "POST " + node + "/identifier", may: rowOf(mgmt.DispatchRequest{}), section: in}, s.nodeIdentifier)
	a.page(page{pattern: "GET " + ui.PathInstances + "/{instance}/crashes/{id}", may: rowOfStream(mgmt.StreamCrash), section: in}, s.crash)
}

// maxNodeEvents bounds the changes of its state that the page of a node shows.
const maxNodeEvents = 50

func (s pages) node(v *visit) (shown, error) {
	n, err := s.nodeNow(v.Context(), v.PathValue("instance"), v.PathValue("node"))
	if err != nil {
		return shown{}, err
	}
	n.CanOperate, n.CanRead, n.CanAsk = v.may(rowOf(mgmt.OperateRequest{})), v.may(rowOfStream(mgmt.StreamLogs)), v.may(rowOf(mgmt.DispatchRequest{}))
	filter := EventFilter{Instance: n.Instance, Node: n.Name, Kind: api.EventNode}
	if found, err := s.listEvents(v.Context(), &eventsInput{EventFilter: filter, Limit: maxNodeEvents}); err == nil {
		n.Events = found.Body.Items
		slices.Reverse(n.Events)
	}
	past, err := views(s).getSampleHistory(v.Context(), &sampleHistoryInput{
		Instance: n.Instance, Node: n.Name, Figures: []string{"packets", "drop_share", "cpu", "memory"}, From: "1h", Step: 300,
	})
	if err == nil { // without it, the page has no figures of the past
		n.History = []api.SampleHistory{past.Body}
	}
	return show(ui.NodePage(n))
}

// nodeNow returns what the page of a node shows of the present.
func (s pages) nodeNow(ctx context.Context, instance, name string) (ui.Node, error) {
	n := ui.Node{Now: time.Now().Truncate(time.Minute)}
	list, err := views(s).listNodes(ctx, &taggedPageInput{PageInput: PageInput{Limit: maxNodes}})
	if err != nil {
		return n, err
	}
	i := slices.IndexFunc(list.Body.Items, func(n api.Node) bool { return n.Instance == instance && n.Name == name })
	if i < 0 {
		return n, problem(http.StatusNotFound, fmt.Sprintf("there is no node %.100q on instance %.100q", name, instance))
	}
	n.Node = list.Body.Items[i]
	snap, err := views(s).snapshot(ctx)
	if err != nil {
		return n, err
	}
	if snap.Deployed != nil {
		at, ok := snap.Deployed.Config.Node(mgmt.NodeName(name))
		n.Deployed = ok && string(at.Instance) == instance
	}
	if n.Deployed {
		n.Stopped = markOf(snap, snap.Stopped, mgmt.OperationStop, name)
		n.Paused = markOf(snap, snap.Paused, mgmt.OperationPause, name)
	}
	if s.cfg.Samples != nil {
		for _, h := range views(s).sampled(ctx, snap, time.Now(), &samplesInput{Instance: instance, Node: name}) {
			n.Sample = &h.Nodes[0]
		}
	}
	return n, nil
}

// maxNodes is more than a cluster has nodes.
const maxNodes = 1_000_000

// markOf returns who has stopped or paused a node, or nil.
func markOf(snap *mgmt.Snapshot, nodes []mgmt.NodeName, kind mgmt.OperationKind, name string) *api.StatusMark {
	for _, m := range marks(snap, nodes, kind) {
		if m.Node == name {
			return &m
		}
	}
	return nil
}

func (s pages) nodeStream(v *visit) (shown, error) {
	instance, name := v.PathValue("instance"), v.PathValue("node")
	return shown{}, s.feed(v, renewed(func(ctx context.Context) ([]ui.Piece, error) {
		n, err := s.nodeNow(ctx, instance, name)
		if err != nil {
			return nil, err
		}
		return []ui.Piece{ui.NodeNow(n)}, nil
	}))
}

// maxOutput bounds what a page shows of an output, in bytes.
const maxOutput = 1 << 20

func (s pages) nodeOutput(v *visit) (shown, error) {
	o := ui.Output{Instance: v.PathValue("instance"), Node: v.PathValue("node"), Stream: "stderr", Lines: 100}
	if v.URL.Query().Get("stream") == "stdout" {
		o.Stream = "stdout"
	}
	if n, err := strconv.Atoi(v.URL.Query().Get("lines")); err == nil && n > 0 && n <= 10_000 {
		o.Lines = n
	}
	ctx, cancel := context.WithTimeoutCause(v.Context(), s.cfg.AgentWait,
		&mgmt.StreamError{Code: mgmt.StreamLost, Text: fmt.Sprintf("instance %s did not answer within %v", o.Instance, s.cfg.AgentWait)})
	defer cancel()
	q := mgmt.LogsQuery{Node: mgmt.NodeName(o.Node), Stderr: o.Stream == "stderr", Lines: o.Lines}
	stream, err := views(s).stream(ctx, mgmt.InstanceName(o.Instance), mgmt.StreamLogs, q)
	if err != nil {
		return shown{}, untold(err)
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, maxOutput+1))
	if err != nil && !errors.Is(err, io.EOF) {
		return shown{}, untold(err)
	}
	if o.Truncated = len(text) > maxOutput; o.Truncated {
		text = text[:maxOutput]
	}
	o.Text = string(text)
	return show(ui.OutputPage(o))
}

func (s pages) nodeCrashes(v *visit) (shown, error) {
	c := ui.Crashes{Now: time.Now(), Instance: v.PathValue("instance"), Node: v.PathValue("node"), CanRead: v.may(rowOfStream(mgmt.StreamCrash))}
	found, err := views(s).listCrashes(v.Context(), &crashesInput{Instance: c.Instance, Node: c.Node, Limit: 100})
	if err != nil {
		return shown{}, err
	}
	c.List, c.Missing = found.Body.Items, found.Body.Missing
	return show(ui.CrashesPage(c))
}

func (s pages) crash(v *visit) (shown, error) {
	found, err := views(s).getCrash(v.Context(), &crashInput{Instance: v.PathValue("instance"), ID: v.PathValue("id")})
	if err != nil {
		return shown{}, err
	}
	return show(ui.CrashPage(found.Body))
}

func (s pages) nodeDiag(v *visit) (shown, error) {
	found, err := views(s).getDiag(v.Context(), &diagInput{Node: v.PathValue("node"), Instance: v.PathValue("instance"), Lines: 50})
	if err != nil {
		return shown{}, err
	}
	return show(ui.DiagPage(found.Body))
}

// nodeIdentifier asks a node for the value of an identifier. It changes nothing, but it is a
// form: what is asked for does not stay in the history of the browser.
func (s pages) nodeIdentifier(v *visit) (shown, error) {
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	i := ui.Identifier{Instance: v.PathValue("instance"), Node: v.PathValue("node"), ID: clip(v.field("id"), 300), Asked: true}
	answer, err := changes(s).dispatch(v.Context(), &dispatchInput{api.DispatchRequest{
		Action: "get_id_value", Arguments: []string{i.ID}, Selectors: []string{i.Node},
	}})
	if err != nil {
		return shown{}, err
	}
	i.Results = answer.Body.Results
	return show(ui.IdentifierPage(i))
}
