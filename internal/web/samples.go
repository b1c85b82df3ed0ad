package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/resources"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

// registerSamples adds what agents measure.
func (a *routes) registerSamples() {
	s := views{a.s}
	register(a, operation{
		id: "list-samples", method: http.MethodGet, path: api.PathSamples, may: rowOf(mgmt.GetNodesRequest{}),
		summary: "List what is measured on the hosts of all instances: processors, memory, packets, drops, connections, disks",
		details: "It is the newest sample of each instance, which its agent takes every few seconds, with the rates since the sample before. " +
			"An instance of which nothing is known has an entry that says why. " +
			"With wait, the answer comes when there is a sample that the controller has heard after newer.",
		errors: []int{http.StatusNotImplemented},
	}, s.listSamples)
	register(a, operation{
		id: "get-sample-history", method: http.MethodGet, path: api.PathSampleHistory, may: rowOf(mgmt.GetNodesRequest{}),
		summary: "Show figures of a node, of an interface or of a host over some time",
		details: "The controller keeps a point for every 5 s of the last hour, and one for every minute of the last day. They are gone when it ends.",
		errors:  []int{http.StatusNotFound, http.StatusNotImplemented},
	}, s.getSampleHistory)
}

var errNoSamples = problem(http.StatusNotImplemented, "this controller keeps no samples")

type samplesInput struct {
	PageInput
	Instance string    `query:"instance" maxLength:"300" doc:"Show this instance alone."`
	Role     string    `query:"role" enum:"LOGGER,MANAGER,PROXY,WORKER,NONE" doc:"Show the nodes of this role alone, and the instances that have some. NONE is for nodes with a command."`
	Node     string    `query:"node" maxLength:"300" doc:"Show this node alone, and its instance."`
	Newer    time.Time `query:"newer" doc:"With wait: the latest heard of an earlier answer."`
	Wait     int       `query:"wait" minimum:"0" maximum:"60" doc:"How many seconds to wait for a sample that the controller has heard after newer, or else after the request."`
}

type samplesOutput struct{ Body api.Samples }

func (s views) listSamples(ctx context.Context, in *samplesInput) (*samplesOutput, error) {
	if s.cfg.Samples == nil {
		return nil, errNoSamples
	}
	if in.Wait > 0 {
		s.awaitSample(ctx, in)
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	page := paged(s.sampled(ctx, snap, now, in), in.PageInput, func(h api.HostSample) string { return h.Instance })
	return &samplesOutput{api.Samples{Time: utc(now), Items: page.Items, Next: page.Next}}, nil
}

// awaitSample waits for a sample that is newer than what the asker has.
func (s views) awaitSample(ctx context.Context, in *samplesInput) {
	patience, cancel := patience(ctx, s.Server, in.Wait)
	defer cancel()
	has := in.Newer
	if has.IsZero() {
		has = time.Now()
	}
	newer := func(h samples.Host) bool {
		return h.Heard.After(has) && (in.Instance == "" || in.Instance == string(h.Instance))
	}
	for {
		changed := s.cfg.Samples.Changed()
		if slices.ContainsFunc(s.cfg.Samples.Latest(time.Now()), newer) {
			rest(patience, settle) // others may come
			return
		}
		select {
		case <-changed:
		case <-patience.Done():
			return
		}
	}
}

// sampled returns the newest figures of the instances and nodes that are wanted.
func (s views) sampled(ctx context.Context, snap *mgmt.Snapshot, now time.Time, in *samplesInput) []api.HostSample {
	newest := map[mgmt.InstanceName]samples.Host{}
	for _, h := range s.cfg.Samples.Latest(now) {
		newest[h.Instance] = h
	}
	untold := map[mgmt.InstanceName]string{}
	if hosts, err := s.hosts(ctx, false); err == nil { // without it, the reasons say less
		for _, h := range hosts {
			untold[h.Instance] = h.Err
		}
	}
	var list []api.HostSample
	for _, i := range snap.Instances {
		if in.Instance != "" && in.Instance != string(i.Name) {
			continue
		}
		var one api.HostSample
		if h, known := newest[i.Name]; known && i.Standing != mgmt.Absent { // else it was seconds ago
			one = resources.HostSample(h)
		} else {
			one = resources.NoSample(i.Name, unsampled(i, cmp.Or(s.cfg.Samples.Missing(i.Name), untold[i.Name])))
		}
		addKnown(&one, i)
		if in.Role != "" || in.Node != "" {
			one.Nodes = slices.DeleteFunc(one.Nodes, func(n api.NodeSample) bool {
				return in.Role != "" && in.Role != n.Role || in.Node != "" && in.Node != n.Node
			})
			if len(one.Nodes) == 0 {
				continue
			}
		}
		list = append(list, one)
	}
	return list
}

// unsampled says why there is no sample of an instance. why is what the controller was told,
// if anything.
func unsampled(i *mgmt.ObservedInstance, why string) string {
	switch {
	case i.Standing == mgmt.Absent && i.Since.IsZero():
		return "its agent was not seen since the controller started"
	case i.Standing == mgmt.Absent:
		return "its agent is not connected"
	}
	return cmp.Or(why, "its agent has told no figures yet")
}

// addKnown adds what the controller knows of the nodes of an instance: roles, states, and the
// nodes that its agent has not measured.
func addKnown(one *api.HostSample, i *mgmt.ObservedInstance) {
	at := map[string]int{}
	for j, n := range one.Nodes {
		at[n.Node] = j
	}
	for _, n := range i.Nodes {
		if n.MgmtRole == mgmt.RoleAgent || n.MgmtRole == mgmt.RoleController {
			continue // they are no nodes of a configuration
		}
		j, measured := at[string(n.Node)]
		if !measured {
			j = len(one.Nodes)
			one.Nodes = append(one.Nodes, api.NodeSample{Node: string(n.Node), Err: cmp.Or(one.Err, "its agent has not measured it yet")})
		}
		one.Nodes[j].Role, one.Nodes[j].State = string(n.ClusterRole), string(n.State)
	}
	sort.Slice(one.Nodes, func(i, j int) bool { return one.Nodes[i].Node < one.Nodes[j].Node })
}

type sampleHistoryInput struct {
	Instance  string   `query:"instance" required:"true" minLength:"1" maxLength:"300"`
	Node      string   `query:"node" maxLength:"300" doc:"Show the figures of this node."`
	Interface string   `query:"interface" maxLength:"300" doc:"Show the figures of this interface. Without node and interface, they are those of the host."`
	Figures   []string `query:"figures" maxItems:"20" doc:"Which figures to show, separated by commas. All without it."`
	From      string   `query:"from" maxLength:"60" example:"6h" doc:"The beginning: a time (RFC 3339), or how long ago (6h). An hour before the end without it."`
	To        string   `query:"to" maxLength:"60" doc:"The end: a time, or how long ago. Now without it."`
	Step      int      `query:"step" minimum:"0" maximum:"86400" doc:"The seconds between two points. The controller makes it a multiple of what it keeps, which is 5 or 60."`
}

type sampleHistoryOutput struct{ Body api.SampleHistory }

func (s views) getSampleHistory(ctx context.Context, in *sampleHistoryInput) (*sampleHistoryOutput, error) {
	if s.cfg.Samples == nil {
		return nil, errNoSamples
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if snap.Instance(mgmt.InstanceName(in.Instance)) == nil {
		return nil, problem(http.StatusNotFound, fmt.Sprintf("there is no instance %.100q", in.Instance))
	}
	now := time.Now()
	q := samples.Query{
		Instance: mgmt.InstanceName(in.Instance), Node: mgmt.NodeName(in.Node), Interface: in.Interface, Step: time.Duration(in.Step) * time.Second,
	}
	for _, f := range in.Figures {
		q.Figures = append(q.Figures, samples.Figure(f))
	}
	if q.From, err = timeOf("from", in.From, now); err != nil {
		return nil, err
	}
	if q.To, err = timeOf("to", in.To, now); err != nil {
		return nil, err
	}
	found, err := s.cfg.Samples.History(now, q)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, err.Error())
	}
	body := api.SampleHistory{Instance: in.Instance, Node: in.Node, Interface: in.Interface, Series: []api.Series{}}
	for _, one := range found {
		body.Start, body.Step = utc(one.Start), one.Step.Seconds()
		body.Series = append(body.Series, resources.Series(one))
	}
	return &sampleHistoryOutput{body}, nil
}
