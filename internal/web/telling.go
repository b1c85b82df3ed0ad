package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Agents is what the server needs to ask agents.
type Agents interface {
	// Stream asks an agent for a stream. An error for people is a *mgmt.StreamError.
	Stream(ctx context.Context, who mgmt.Principal, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters any) (io.ReadCloser, error)
	// Hosts returns what is known of the hosts of all instances.
	Hosts(ctx context.Context, who mgmt.Principal, fresh bool) ([]mgmt.HostReport, error)
}

// rowOfStream returns the row of a kind of streams.
func rowOfStream(kind mgmt.StreamKind) access.Row {
	row, ok := access.StreamRow(kind)
	if !ok {
		panic(fmt.Sprintf("web: the table of access has no row for streams of the kind %q", kind))
	}
	return row
}

// registerTelling adds what agents tell.
func (a *routes) registerTelling() {
	s := views{a.s}
	register(a, operation{
		id: "list-crashes", method: http.MethodGet, path: api.PathCrashes, may: rowOfStream(mgmt.StreamCrashes),
		summary: "List how nodes ended by themselves, the newest first",
		details: "The controller asks the connected instances, and waits a few seconds for them. " +
			"An agent that keeps no records that can be asked for tells the latest crash of at most 20 nodes.",
	}, s.listCrashes)
	register(a, operation{
		id: "get-crash", method: http.MethodGet, path: api.PathCrashes + "/{instance}/{id}", may: rowOfStream(mgmt.StreamCrash),
		summary: "Show everything about a crash", details: "Outputs and plan are as they were: they may have secrets in them.",
		errors: []int{http.StatusNotFound, http.StatusBadGateway},
	}, s.getCrash)
	register(a, operation{
		id: "list-hosts", method: http.MethodGet, path: api.PathHosts, may: rowOfStream(mgmt.StreamHost),
		summary: "List the hosts of all instances: versions, memory, disks, load",
		details: "An agent tells this when it connects, and when its nodes start. With fresh, the controller asks the agents now. " +
			"Of an agent that is absent the list has what was known last.",
	}, s.listHosts)
	register(a, operation{
		id: "get-hardware", method: http.MethodGet, path: api.PathInstances + "/{instance}/hardware", may: rowOfStream(mgmt.StreamHost),
		summary: "Show the processors and the network interfaces of a host",
		details: "The controller asks the agent. Of an agent that is absent the answer has what was known last. " +
			"Agents of earlier versions do not tell it.",
		errors: []int{http.StatusNotFound},
	}, hosting{s}.getHardware)
	register(a, operation{
		id: "get-diag", method: http.MethodGet, path: api.PathNodes + "/{node}/diag", may: rowOfStream(mgmt.StreamDiag),
		summary: "Make a report about a node, without secrets",
		details: "What looks like a secret is taken out. A secret that looks like nothing in particular is not.",
		errors:  []int{http.StatusNotFound, http.StatusBadGateway},
	}, s.getDiag)
	registerText(a, operation{
		id: "read-logs", method: http.MethodGet, path: api.PathNodes + "/{node}/logs", may: rowOfStream(mgmt.StreamLogs),
		summary: "Read what a node has printed",
		details: "The answer is text, and may have secrets in it. With follow it goes on until the asker leaves. " +
			"If it is not whole, the trailer " + api.TrailerError + " says why.",
		errors: []int{http.StatusNotFound, http.StatusBadGateway, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, s.readLogs)
}

// registerText adds an operation whose answer is a text.
func registerText[I any](a *routes, op operation, handle func(context.Context, I) (*huma.StreamResponse, error)) {
	register(a, op, handle)
	answer := a.huma.OpenAPI().Paths[op.path].Get.Responses["200"]
	answer.Content = map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}
}

// streamStatuses are the HTTP statuses of the ends of streams.
var streamStatuses = map[mgmt.StreamCode]int{
	mgmt.StreamUnsupported: http.StatusNotImplemented,
	mgmt.StreamForbidden:   http.StatusForbidden,
	mgmt.StreamInvalid:     http.StatusUnprocessableEntity,
	mgmt.StreamNotFound:    http.StatusNotFound,
	mgmt.StreamBusy:        http.StatusServiceUnavailable,
	mgmt.StreamLost:        http.StatusBadGateway,
	mgmt.StreamFailed:      http.StatusBadGateway,
}

// untold returns the error of an operation whose stream has failed.
func untold(err error) error {
	if known, ok := errors.AsType[*mgmt.StreamError](err); ok {
		status := streamStatuses[known.Code]
		if status == 0 {
			status = http.StatusBadGateway
		}
		return problem(status, known.Text)
	}
	return unavailable(err)
}

var errNoAgents = &mgmt.StreamError{Code: mgmt.StreamUnsupported, Text: "this controller cannot ask agents"}

func (s views) stream(ctx context.Context, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters any) (io.ReadCloser, error) {
	if s.cfg.Agents == nil {
		return nil, errNoAgents
	}
	return s.cfg.Agents.Stream(ctx, askerOf(ctx).Principal, instance, kind, parameters)
}

// fetch reads a stream of JSON.
func (s views) fetch(ctx context.Context, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters, into any) error {
	return fetchWithin(ctx, s, s.cfg.AgentWait, instance, kind, parameters, into)
}

// fetchWithin is fetch for what takes longer.
func fetchWithin(ctx context.Context, s views, wait time.Duration, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters, into any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, wait,
		&mgmt.StreamError{Code: mgmt.StreamLost, Text: fmt.Sprintf("instance %s did not answer within %v", instance, wait)})
	defer cancel()
	stream, err := s.stream(ctx, instance, kind, parameters)
	if err != nil {
		return err
	}
	defer stream.Close()
	text, err := io.ReadAll(io.LimitReader(stream, int64(s.cfg.MaxTold)+1))
	switch {
	case err != nil:
		return err
	case len(text) > s.cfg.MaxTold:
		return &mgmt.StreamError{Code: mgmt.StreamFailed, Text: fmt.Sprintf("instance %s answers more than %d bytes", instance, s.cfg.MaxTold)}
	}
	if err := mgmt.ReadJSON(text, s.cfg.MaxToldValues, into); err != nil {
		return &mgmt.StreamError{Code: mgmt.StreamFailed, Text: fmt.Sprintf("instance %s answers something that is not understood: %v", instance, err)}
	}
	return nil
}

type crashesInput struct {
	Node     string `query:"node" maxLength:"300" doc:"Show the crashes of this node alone."`
	Instance string `query:"instance" maxLength:"300" doc:"Ask this instance alone."`
	Limit    int    `query:"limit" minimum:"1" maximum:"100000" default:"10000" doc:"How many entries to show at most."`
}

// agentsAtOnce bounds the agents that one request asks at a time.
const agentsAtOnce = 16

func (s views) listCrashes(ctx context.Context, in *crashesInput) (*bodyOutput[api.Crashes], error) {
	if row := rowOfStream(mgmt.StreamCrashes); askerOf(ctx).Role < row.May {
		return nil, problem(http.StatusForbidden, row.Forbids(askerOf(ctx).Principal))
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	done, err := s.askFleet(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	body := api.Crashes{Items: []api.Crash{}}
	var mu sync.Mutex
	var older []mgmt.InstanceName // whose agents keep no records that can be asked for
	s.eachInstance(snap, in.Instance, func(name mgmt.InstanceName) {
		var list []mgmt.CrashSummary
		err := s.fetch(ctx, name, mgmt.StreamCrashes, nil, &list)
		mu.Lock()
		defer mu.Unlock()
		known, ok := errors.AsType[*mgmt.StreamError](err)
		switch {
		case ok && known.Code == mgmt.StreamUnsupported:
			older = append(older, name)
		case err != nil:
			body.Missing = append(body.Missing, api.Missing{Instance: string(name), Why: err.Error()})
		}
		for _, c := range list {
			body.Items = append(body.Items, crashOf(name, c))
		}
	})
	if len(older) > 0 {
		if err := s.crashesOfOlder(ctx, older, &body); err != nil {
			return nil, err
		}
	}
	body.Items = slices.DeleteFunc(body.Items, func(c api.Crash) bool { return in.Node != "" && c.Node != in.Node })
	sort.Slice(body.Items, func(i, j int) bool { return newestCrash(body.Items[i], body.Items[j]) < 0 })
	sort.Slice(body.Missing, func(i, j int) bool { return body.Missing[i].Instance < body.Missing[j].Instance })
	if len(body.Items) > in.Limit {
		body.Items, body.More = body.Items[:in.Limit], true
	}
	return &bodyOutput[api.Crashes]{body}, nil
}

func newestCrash(a, b api.Crash) int {
	if c := b.When.Compare(a.When); c != 0 {
		return c
	}
	return strings.Compare(a.Instance+"/"+a.Node+"/"+a.ID, b.Instance+"/"+b.Node+"/"+b.ID)
}

// askFleet takes a turn at asking all agents. The caller gives it back with done.
func (s views) askFleet(ctx context.Context) (done func(), err error) {
	patience, cancel := context.WithTimeout(ctx, s.cfg.AgentWait)
	defer cancel()
	if takePlace(patience, s.asking) {
		return func() { <-s.asking }, nil
	}
	return nil, huma.ErrorWithHeaders(problem(http.StatusServiceUnavailable, "others ask all agents at present: try again in 10 s"), http.Header{"Retry-After": {"10"}})
}

// eachInstance calls do for the instances that were named, for some of them at a time.
func (s views) eachInstance(snap *mgmt.Snapshot, only string, do func(mgmt.InstanceName)) {
	var all sync.WaitGroup
	turns := make(chan struct{}, agentsAtOnce)
	for _, in := range snap.Instances {
		if only != "" && string(in.Name) != only {
			continue
		}
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			do(in.Name)
		})
	}
	all.Wait()
}

// crashesOfOlder adds what agents tell of crashes that keep no records that can be asked
// for (docs/decisions/0006).
func (s views) crashesOfOlder(ctx context.Context, instances []mgmt.InstanceName, body *api.Crashes) error {
	list, missing, err := s.crashes(ctx)
	if err != nil {
		return err
	}
	older := func(name string) bool { return slices.Contains(instances, mgmt.InstanceName(name)) }
	for _, c := range list {
		if older(c.Instance) {
			body.Items = append(body.Items, c)
		}
	}
	for _, m := range missing {
		if older(m.Instance) {
			body.Missing = append(body.Missing, m)
		}
	}
	return nil
}

func crashOf(instance mgmt.InstanceName, c mgmt.CrashSummary) api.Crash {
	return api.Crash{
		Instance: string(instance), Node: string(c.Node), ID: c.ID, When: utc(c.When), Seconds: c.Uptime.Seconds(), PID: c.PID,
		End: c.End, Why: c.Why, Backtrace: c.Backtrace,
	}
}

type crashInput struct {
	Instance string `path:"instance" maxLength:"300"`
	ID       string `path:"id" maxLength:"100"`
}

func (s views) getCrash(ctx context.Context, in *crashInput) (*bodyOutput[api.CrashRecord], error) {
	var r mgmt.CrashReport
	if err := s.fetch(ctx, mgmt.InstanceName(in.Instance), mgmt.StreamCrash, mgmt.CrashQuery{ID: in.ID}, &r); err != nil {
		return nil, untold(err)
	}
	return &bodyOutput[api.CrashRecord]{crashRecordOf(mgmt.InstanceName(in.Instance), r)}, nil
}

func crashRecordOf(instance mgmt.InstanceName, r mgmt.CrashReport) api.CrashRecord {
	return api.CrashRecord{
		Crash: crashOf(instance, r.CrashSummary), Launch: r.Launch, Program: r.Program, Version: r.Version, Dir: r.Dir, Fingerprint: r.Fingerprint,
		Stdout: r.Stdout, Stderr: r.Stderr, Core: r.Core, Trace: r.Trace, Note: r.Note, Pending: r.Pending, Plan: r.Plan,
	}
}

type hostsInput struct {
	Fresh bool `query:"fresh" doc:"Ask the agents now."`
}

func (s views) listHosts(ctx context.Context, in *hostsInput) (*pageOutput[api.Host], error) {
	if in.Fresh {
		done, err := s.askFleet(ctx)
		if err != nil {
			return nil, err
		}
		defer done()
	}
	hosts, err := s.hosts(ctx, in.Fresh)
	if err != nil {
		return nil, untold(err)
	}
	page := api.Page[api.Host]{Items: make([]api.Host, 0, len(hosts))}
	for _, h := range hosts {
		page.Items = append(page.Items, hostView(h))
	}
	return &pageOutput[api.Host]{page}, nil
}

func (s views) hosts(ctx context.Context, fresh bool) ([]mgmt.HostReport, error) {
	if s.cfg.Agents == nil {
		return nil, errNoAgents
	}
	return s.cfg.Agents.Hosts(ctx, askerOf(ctx).Principal, fresh)
}

func hostView(h mgmt.HostReport) api.Host {
	one := api.Host{}
	if h.Facts != nil {
		one = factsOf(*h.Facts)
	}
	one.Instance, one.Present, one.Heard, one.Err = string(h.Instance), h.Present, utc(h.Heard), h.Err
	return one
}

func factsOf(f mgmt.HostFacts) api.Host {
	h := api.Host{
		Clock: utc(f.Time), Unsynced: f.Unsynced, Version: f.Version, Build: f.Build, Started: utc(f.Started),
		Nodes: f.Nodes, ZeekPath: f.ZeekPath, ZeekVersion: f.ZeekVersion, LimitsBy: f.LimitsBy,
		Hostname: f.Hostname, OS: f.OS, Kernel: f.Kernel, Arch: f.Arch, Booted: utc(f.Booted), CPUs: f.CPUs, Load: f.Load, Memory: api.Memory(f.Memory),
	}
	for _, n := range f.Running {
		h.Running = append(h.Running, api.NodeVersion{Node: string(n.Node), PID: n.PID, Program: n.Program, Version: n.Version})
	}
	for _, d := range f.Disks {
		h.Disks = append(h.Disks, api.Disk(d))
	}
	return h
}

// toldNode is what an agent has told of a node. It has a version only if the node runs.
type toldNode struct {
	mgmt.NodeVersion
	state mgmt.State
	since time.Time // by the clock of this host
	heard time.Time
}

// began returns since when a node is in its state. The controller has heard of the state
// when it came, or, if it started later, when the agent connected. Only the agent knows the
// time then. What it told before is about an earlier state.
func (t toldNode) began(n mgmt.ObservedNode) time.Time {
	if t.state == n.State && t.heard.After(n.Since) && t.since.Before(n.Since) {
		return t.since
	}
	return n.Since
}

// toldNodes returns what agents have told of their nodes, by "instance/node".
func (s views) toldNodes(ctx context.Context) map[string]toldNode {
	nodes := map[string]toldNode{}
	hosts, err := s.hosts(ctx, false)
	if err != nil {
		return nodes // lists of nodes do without
	}
	for _, h := range hosts {
		if h.Facts == nil || !h.Present {
			continue
		}
		for _, n := range h.Facts.Running {
			nodes[string(h.Instance)+"/"+string(n.Node)] = toldNode{NodeVersion: n, heard: h.Heard}
		}
		for _, n := range h.Facts.States {
			t := nodes[string(h.Instance)+"/"+string(n.Node)]
			t.state, t.since, t.heard = n.State, h.Heard.Add(-n.Age), h.Heard
			nodes[string(h.Instance)+"/"+string(n.Node)] = t
		}
	}
	return nodes
}

type diagInput struct {
	Node     string `path:"node" maxLength:"300"`
	Instance string `query:"instance" maxLength:"300" doc:"The instance of the node. It is needed if the node is no longer deployed."`
	Lines    int    `query:"lines" minimum:"1" maximum:"10000" default:"50" doc:"How many of the last lines of each output to show."`
}

func (s views) getDiag(ctx context.Context, in *diagInput) (*bodyOutput[api.NodeDiag], error) {
	instance, err := s.place(ctx, in.Node, in.Instance, mgmt.StreamDiag)
	if err != nil {
		return nil, err
	}
	var d mgmt.NodeDiag
	if err := s.fetch(ctx, instance, mgmt.StreamDiag, mgmt.DiagQuery{Node: mgmt.NodeName(in.Node), Lines: in.Lines}, &d); err != nil {
		return nil, untold(err)
	}
	host := hostView(mgmt.HostReport{Instance: instance, Present: true, Facts: &d.Host, Heard: time.Now()})
	body := api.NodeDiag{
		Node: string(d.Node), Instance: string(instance), State: string(d.State), PID: d.PID, Launch: d.Launch,
		Program: d.Program, Version: d.Version, Dir: d.Dir, Remark: d.Remark, Plan: d.Plan, Fingerprint: d.Fingerprint,
		Stdout: d.Stdout, Stderr: d.Stderr, Host: host, Controller: s.cfg.Version, Removed: d.Removed,
	}
	for _, c := range d.History {
		body.History = append(body.History, api.StateChange(c))
	}
	if d.Crash != nil {
		body.Crash = new(crashRecordOf(instance, *d.Crash))
	}
	return &bodyOutput[api.NodeDiag]{body}, nil
}

// place returns the instance of a node. Who may not ask hears nothing of nodes.
func (s views) place(ctx context.Context, node, instance string, kind mgmt.StreamKind) (mgmt.InstanceName, error) {
	if err := mayUse(ctx, s, kind, node); err != nil {
		return "", err
	}
	if instance != "" {
		return mgmt.InstanceName(instance), nil
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return "", err
	}
	in, err := placeOf(snap, mgmt.NodeName(node))
	if err != nil {
		return "", problem(http.StatusNotFound, err.Error())
	}
	return in, nil
}

// placeOf returns the instance of a node: the one that is deployed, or else the only one
// whose agent knows the node.
func placeOf(snap *mgmt.Snapshot, node mgmt.NodeName) (mgmt.InstanceName, error) {
	var names []mgmt.NodeName
	if snap.Deployed != nil {
		if n, ok := snap.Deployed.Config.Node(node); ok {
			return n.Instance, nil
		}
		for _, n := range snap.Deployed.Config.Nodes {
			names = append(names, n.Name)
		}
	}
	var at []string
	for _, in := range snap.Instances {
		if slices.ContainsFunc(in.Nodes, func(n mgmt.ObservedNode) bool { return n.Node == node }) {
			at = append(at, string(in.Name))
		}
	}
	switch {
	case len(at) == 1:
		return mgmt.InstanceName(at[0]), nil
	case len(at) > 1:
		return "", fmt.Errorf("node %.100q is known on several instances: name one of %s", node, strings.Join(at, ", "))
	}
	hint := "if it was removed, name the instance where it was"
	if near := mgmt.Nearest(node, names); near != "" {
		hint = fmt.Sprintf("did you mean %q? If it was removed, name the instance where it was", near)
	}
	return "", fmt.Errorf("there is no node %.100q; %s", node, hint)
}

type logsInput struct {
	Node     string `path:"node" maxLength:"300"`
	Instance string `query:"instance" maxLength:"300" doc:"The instance of the node. It is needed if the node is no longer deployed."`
	Stream   string `query:"stream" enum:"stdout,stderr" default:"stdout"`
	Lines    int    `query:"lines" minimum:"0" maximum:"100000" default:"100" doc:"How many of the last lines to show first."`
	Follow   bool   `query:"follow" doc:"Go on with what the node prints later."`
}

func (s views) readLogs(ctx context.Context, in *logsInput) (*huma.StreamResponse, error) {
	instance, err := s.place(ctx, in.Node, in.Instance, mgmt.StreamLogs)
	if err != nil {
		return nil, err
	}
	// Whoever follows is told when the node goes, from now on.
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	_, deployed := whereIs(snap, mgmt.NodeName(in.Node), instance)
	ctx, cancel := context.WithCancelCause(ctx)
	q := mgmt.LogsQuery{Node: mgmt.NodeName(in.Node), Stderr: in.Stream == "stderr", Lines: in.Lines, Follow: in.Follow}
	leave := func() {}
	if in.Follow {
		if leave, err = s.follow(ctx, string(instance), cancel); err != nil {
			cancel(nil)
			return nil, err
		}
	}
	stream, err := s.stream(ctx, instance, mgmt.StreamLogs, q)
	if err != nil {
		leave()
		cancel(nil)
		return nil, untold(err)
	}
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		defer leave()
		defer cancel(nil)
		defer stream.Close()
		var watching sync.WaitGroup
		defer watching.Wait()
		over, end := context.WithCancel(ctx)
		defer end()
		watching.Go(func() {
			if err := s.watchReader(over, q.Node, instance, deployed); err != nil {
				cancel(err)
			}
		})
		s.sendText(answer, stream)
	}}, nil
}

// follow takes a place for somebody who follows an output. end is called if the place goes to
// another user.
func (s views) follow(ctx context.Context, instance string, end context.CancelCauseFunc) (leave func(), err error) {
	all, one, err := s.follows.enter(instance, askerOf(ctx).Name)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(one.over, func() { end(errors.New(all.gaveWay())) })
	return func() { stop(); s.follows.leave(instance, all, one) }, nil
}

// whereIs returns the instance on which a node is deployed, or "", and whether that is
// instance.
func whereIs(snap *mgmt.Snapshot, node mgmt.NodeName, instance mgmt.InstanceName) (mgmt.InstanceName, bool) {
	if snap.Deployed == nil {
		return "", false
	}
	n, ok := snap.Deployed.Config.Node(node)
	if !ok {
		return "", false
	}
	return n.Instance, n.Instance == instance
}

// watchReader returns why a reader must not go on, when that is so. It returns nil when ctx
// is done. The node was deployed on the instance when the reader began, or it was not.
func (s views) watchReader(ctx context.Context, node mgmt.NodeName, instance mgmt.InstanceName, deployed bool) error {
	who := askerOf(ctx)
	row := rowOfStream(mgmt.StreamLogs)
	look := time.NewTicker(s.cfg.RoleInterval)
	defer look.Stop()
	rights, stop := s.rights(ctx)
	defer func() { stop() }()
	mayRead := func() error {
		now, err := who.again()
		if err == nil && now.Role < row.May {
			err = errors.New(row.Forbids(now.Principal))
		}
		return err
	}
	if err := mayRead(); err != nil {
		return err // they have changed before anybody listened
	}
	for {
		changed := s.cfg.Cluster.Changed()
		if snap, err := s.snapshot(ctx); err == nil && snap.Deployed != nil {
			at, here := whereIs(snap, node, instance)
			switch {
			case here:
				deployed = true
			case deployed && at != "":
				return fmt.Errorf("node %s is on instance %s now: ask again", node, at)
			case deployed:
				return fmt.Errorf("node %s is no longer deployed", node)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			continue
		case <-rights.Done():
			stop()
			rights, stop = s.rights(ctx)
		case <-look.C:
		}
		if err := mayRead(); err != nil {
			return err
		}
	}
}

// sendText sends a stream as it comes, and at the end why it is not whole.
func (s views) sendText(answer huma.Context, stream io.Reader) {
	_, w := humago.Unwrap(answer)
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Time{}) // the request was read; the asker may leave at any time
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Trailer", api.TrailerError)
	w.WriteHeader(http.StatusOK)
	control.Flush()
	buf := make([]byte, mgmt.MaxChunk)
	for {
		n, err := stream.Read(buf)
		if n > 0 {
			control.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
			if _, err := w.Write(buf[:n]); err != nil {
				return // the asker has gone, or takes nothing
			}
			if control.Flush() != nil {
				return
			}
		}
		if err != nil {
			control.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout))
			if err != io.EOF {
				h.Set(api.TrailerError, oneLineOf(err.Error()))
			}
			return
		}
	}
}

// oneLineOf makes a text fit for a header.
func oneLineOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
