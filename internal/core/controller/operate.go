package controller

import (
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// addOperating adds the requests that stop, start, pause, resume and restart nodes.
func (table decisions) addOperating() {
	decide(table, func(m *Machine, r *request, msg mgmt.OperateRequest) { m.operating.operate(r, msg) })
	decide(table, func(m *Machine, r *request, msg mgmt.RestartRequest) { m.operating.restartNodes(r, msg) })
}

// operating runs the operations that stop, start, pause, resume and restart nodes.
type operating struct {
	parts
	deployments *deployments
	tasks       []*task // that run, oldest first
}

// task is an operation that runs. Its steps are done batch by batch; most operations have
// one batch.
type task struct {
	*operating
	*operation
	// client is a RestartRequest that waits for the agents' answers. left are the nodes for
	// which it waits.
	client *request
	left   map[stepKey]bool
	// batches are those that have not begun. open are the steps of the present batch that
	// are not settled, and watched says why a step is still open although its agent has
	// answered. deadline ends the wait for them.
	batches  [][]stepKey
	open     map[stepKey]bool
	watched  map[stepKey]string
	deadline time.Time
	// restarting are the restarts that agents have not answered yet.
	restarting []*leg
	// told says which answers of agents count: those to what was sent later.
	told uint64
	// begun says that the first batch has begun. saved says that the end of the present
	// batch is to be saved, or was.
	begun, saved bool
}

// operate begins an operation. It is saved before it begins and before it is answered.
func (o *operating) operate(r *request, msg mgmt.OperateRequest) {
	if why := o.mistake(msg); why != "" {
		o.requests.refuse(r, why)
		return
	}
	if msg.Kind == mgmt.OperationRestart {
		o.beginRestart(r, msg)
		return
	}
	nodes, why := o.selected(msg)
	if why == "" {
		why = o.unable(nodes)
	}
	if why != "" {
		o.requests.refuse(r, why)
		return
	}
	o.beginSteering(r, msg, nodes)
}

// mistake returns what is wrong with a request, or nothing.
func (o *operating) mistake(msg mgmt.OperateRequest) string {
	limits := o.cfg.Limits
	if why := checkNote(msg.Note, limits.NoteBytes); why != "" {
		return why
	}
	switch msg.Kind {
	case mgmt.OperationStart, mgmt.OperationStop, mgmt.OperationPause, mgmt.OperationResume:
		if msg.Rolling || msg.Batch != 0 || msg.Percent != 0 || msg.Resumes != 0 {
			return fmt.Sprintf("only a restart has batches and can be resumed, and this is a %s", msg.Kind)
		}
	case mgmt.OperationRestart:
	default:
		return fmt.Sprintf("'%.50s' is not one of start, stop, restart, pause, resume", string(msg.Kind))
	}
	switch {
	case !msg.Rolling && msg.Resumes == 0 && (msg.Batch != 0 || msg.Percent != 0):
		return "a batch needs a rolling restart"
	case msg.Batch < 0 || msg.Percent < 0 || msg.Percent > 100:
		return "a batch has at least one node, and at most 100 percent of them"
	case msg.Batch > 0 && msg.Percent > 0:
		return "a batch has a number of nodes or a percentage of them, not both"
	case msg.Resumes != 0 && (len(msg.Selectors) > 0 || msg.Rolling || msg.Batch != 0 || msg.Percent != 0):
		return "a restart that goes on with an earlier one has its nodes and its batches, and no others"
	case len(msg.Selectors) > limits.Nodes:
		return fmt.Sprintf("more than %d selectors", limits.Nodes)
	case len(o.tasks) >= limits.Operating:
		return fmt.Sprintf("more than %d operations would run", limits.Operating)
	case o.memory.deployed == nil || len(o.memory.deployed.nodes) == 0:
		return "no node is deployed"
	}
	return ""
}

// selected returns the nodes that a request names, or all nodes.
func (o *operating) selected(msg mgmt.OperateRequest) ([]mgmt.Node, string) {
	return o.selectNodes(msg.Selectors)
}

// selectNodes returns the deployed nodes that selectors select, or all nodes if there are
// no selectors, by name.
func (p parts) selectNodes(texts []string) ([]mgmt.Node, string) {
	s, err := mgmt.ParseSelectors(texts)
	if err != nil {
		return nil, err.Error()
	}
	deployed := p.memory.deployed
	names, err := s.Select(deployed.config.Nodes)
	if err != nil {
		return nil, err.Error()
	}
	if s.None() {
		names, _ = deployed.split(allNames(deployed))
	}
	var nodes []mgmt.Node
	for _, n := range names {
		nodes = append(nodes, deployed.nodes[n])
	}
	return nodes, ""
}

func allNames(t *target) []mgmt.NodeName {
	var names []mgmt.NodeName
	for n := range t.nodes {
		names = append(names, n)
	}
	return names
}

// unable returns why agents of these nodes cannot be told that nodes are stopped or
// paused, or nothing.
func (o *operating) unable(nodes []mgmt.Node) string {
	var texts []string
	for _, n := range nodes {
		if why := o.roster.agents[n.Instance].unable(); why != "" {
			texts = append(texts, why)
		}
	}
	if len(texts) == 0 {
		return ""
	}
	slices.Sort(texts)
	return mgmt.FewTexts(slices.Compact(texts), maxNamed, "; ") + "; nothing was done"
}

// task returns a task for an operation that begins now.
func (o *operating) task(r *request, kind mgmt.OperationKind, selectors []string, note string) *task {
	t := &task{operating: o, open: map[stepKey]bool{}, watched: map[stepKey]string{}, told: o.steers.sent}
	t.operation = o.operations.begin(mgmt.Operation{
		Kind: kind, Note: note, Selectors: slices.Clone(selectors), From: o.memory.state.Deployed.revision(),
	}, r.Detail)
	r.Detail.operation = t.operation
	return t
}

// accept saves next, answers r with the operation of t, and begins t. The first batch is
// saved as begun: nobody knows what became of it if the controller ends now.
func (o *operating) accept(r *request, t *task, next State) {
	t.mark(mgmt.StepRunning)
	t.save()
	o.memory.save(next, operateSave{t, r})
}

// mark sets the state of the steps of the next batch, and says nothing of it.
func (t *task) mark(state mgmt.StepState) {
	if len(t.batches) == 0 {
		return
	}
	for _, key := range t.batches[0] {
		s, _ := t.stepOf(key)
		s.State = state
		t.put(s)
	}
	t.shown = nil
}

// operateSave begins a task after its operation was saved.
type operateSave struct {
	*task
	request *request
}

func (s operateSave) saved(err string) {
	if err != "" {
		s.mark(mgmt.StepWaiting)
		s.operation.end(mgmt.OperationFailed, "save operation: "+err)
		s.requests.refuse(s.request, "save operation: "+err)
		return
	}
	s.requests.accept(s.request, s.operation)
	for _, step := range s.is.Steps {
		if step.State == mgmt.StepRunning {
			s.stepped(mgmt.StepWaiting, step)
		}
	}
	s.supersede()
	s.operating.tasks = append(s.operating.tasks, s.task)
}

// accept answers a request with the operation that it has begun.
func (rs *requests) accept(r *request, o *operation) {
	o.audit(mgmt.AuditBegun, "")
	rs.ledger.Close(r)
	rs.emit(Reply{r.Asker, mgmt.OperationResponse{
		ReqID: r.ID, Result: mgmt.Result{ReqID: r.ID, Success: true}, Operation: o.view(),
	}})
}

// proceed takes each task further. It reports whether there was anything to do.
func (o *operating) proceed() bool {
	did := false
	for _, t := range slices.Clone(o.tasks) {
		did = t.proceed() || did
	}
	o.tasks = slices.DeleteFunc(o.tasks, func(t *task) bool { return !t.running() })
	return did
}

// next returns when a task goes on, if nothing happens before.
func (o *operating) next() (time.Time, bool) {
	var next time.Time
	for _, t := range o.tasks {
		if len(t.open) > 0 && (next.IsZero() || t.deadline.Before(next)) {
			next = t.deadline
		}
	}
	return next, !next.IsZero()
}

// proceed takes t one step further.
func (t *task) proceed() bool {
	if len(t.open) > 0 && !t.now.Before(t.deadline) {
		t.expire()
	}
	if len(t.open) > 0 {
		return false
	}
	switch {
	case t.begun && t.is.Batch > 0 && t.failures() > 0, len(t.batches) == 0:
		t.finish()
		return true
	case t.begun && !t.saved:
		if !t.interrupted() {
			t.nextBatch()
		}
		return true
	case t.begun && t.operations.unsaved:
		return false // the batches that are done are saved before the next one begins
	case t.begun && t.interrupted():
		return true
	}
	t.begun, t.saved = true, false
	t.beginBatch()
	return true
}

// nextBatch saves that the next batch begins, and what was done before.
func (t *task) nextBatch() {
	for _, key := range t.batches[0] {
		t.step(key, mgmt.StepRunning, "", mgmt.NodeOutputs{})
	}
	t.saved = true
	t.save()
}

// beginBatch begins the next batch.
func (t *task) beginBatch() {
	keys := t.batches[0]
	t.batches = t.batches[1:]
	t.deadline = t.now.Add(t.cfg.StepTimeout)
	for _, key := range keys {
		t.open[key] = true
		if s, _ := t.stepOf(key); s.State == mgmt.StepWaiting {
			t.step(key, mgmt.StepRunning, "", mgmt.NodeOutputs{})
		}
	}
	if t.is.Batch > 0 {
		s, _ := t.stepOf(keys[0])
		t.doing(fmt.Sprintf("batch %d: %s", s.Batch, mgmt.FewTexts(texts(names(keys)), maxNamed, ", ")))
	}
	if t.is.Kind == mgmt.OperationRestart {
		t.restart(keys)
		return
	}
	t.steer(keys)
}

func names(keys []stepKey) []mgmt.NodeName {
	var list []mgmt.NodeName
	for _, key := range keys {
		list = append(list, key.node)
	}
	return list
}

// settle ends a step of the present batch. why says why it failed or was skipped.
func (t *task) settle(key stepKey, state mgmt.StepState, why string, outputs mgmt.NodeOutputs) {
	if !t.open[key] {
		return
	}
	delete(t.open, key)
	delete(t.watched, key)
	if state != mgmt.StepSkipped {
		t.step(key, state, why, outputs)
		return
	}
	t.skip(key, why)
}

// skip ends a step that needs nothing now. why says why.
func (t *task) skip(key stepKey, why string) {
	s, _ := t.stepOf(key)
	s.State, s.Because = mgmt.StepSkipped, why
	t.set(s)
}

// expire ends the steps whose nodes took too long.
func (t *task) expire() {
	for _, key := range t.openKeys() {
		why := fmt.Sprintf("not done after %s", t.cfg.StepTimeout)
		if last := t.watched[key]; last != "" {
			why += ": " + last
		}
		t.settle(key, mgmt.StepFailed, why, mgmt.NodeOutputs{})
		t.answerClient(key, mgmt.Result{Error: errTimedOut})
	}
	t.closeLegs()
}

// closeLegs ends the wait for agents.
func (t *task) closeLegs() {
	for _, l := range t.restarting {
		t.legs.close(l)
	}
	t.restarting = nil
}

// openKeys returns the open steps, in the order of the steps.
func (t *task) openKeys() []stepKey {
	var keys []stepKey
	for _, s := range t.is.Steps {
		if key := (stepKey{s.Instance, s.Node}); t.open[key] {
			keys = append(keys, key)
		}
	}
	return keys
}

// finish ends t when all its batches are done, or when one has failed.
func (t *task) finish() {
	failures, waiting, first := t.failures(), 0, mgmt.OperationStep{}
	for _, s := range t.is.Steps {
		if s.State == mgmt.StepWaiting {
			waiting++
		}
		if s.State == mgmt.StepFailed && first.State == "" {
			first = s
		}
	}
	if failures == 0 {
		t.conclude(mgmt.OperationDone, "")
		return
	}
	why := fmt.Sprintf("node %s: %s", first.Node, first.Error)
	if failures > 1 {
		why += "; so did " + counted(failures-1, "more node")
	}
	if t.is.Batch > 0 {
		why += fmt.Sprintf("; the restart stopped there, with %s left", counted(waiting, "node"))
	}
	t.conclude(mgmt.OperationFailed, why)
}

// counted returns a number of things as text.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// conclude ends t.
func (t *task) conclude(state mgmt.OperationState, why string) {
	t.closeLegs()
	t.operation.end(state, why)
}

// lost is called when the agent of an instance is gone.
func (o *operating) lost(name mgmt.InstanceName) {
	for _, t := range o.tasks {
		for _, key := range t.openKeys() {
			if key.instance != name {
				continue
			}
			why := fmt.Sprintf("connection to instance '%s' lost", name)
			if t.restarts(key) {
				t.settle(key, mgmt.StepFailed, why, mgmt.NodeOutputs{})
			} else {
				t.settle(key, mgmt.StepSkipped, why+"; "+t.later(), mgmt.NodeOutputs{})
			}
			t.answerClient(key, mgmt.Result{Error: why})
		}
	}
}

// changed is called when an agent has announced another state of a node.
func (o *operating) changed(key stepKey) {
	for _, t := range o.tasks {
		if _, ok := t.watched[key]; ok {
			t.look(key)
		}
	}
}

// look settles a step that is watched, if the node's state says what became of it.
func (t *task) look(key stepKey) {
	switch state := t.observed.stateOf(key); {
	case state == mgmt.Running:
		t.settle(key, mgmt.StepDone, "", mgmt.NodeOutputs{})
	case state == mgmt.Crashed || state == mgmt.Failed:
		t.settle(key, mgmt.StepFailed, t.watched[key], mgmt.NodeOutputs{})
	case state == mgmt.Stopped && hasName(t.memory.state.Stopped, key.node):
		t.settle(key, mgmt.StepSkipped, "it was stopped meanwhile", mgmt.NodeOutputs{})
	case t.restarts(key) && (state == mgmt.Stopped || state == mgmt.Unknown):
		// Its agent is shutting down, or cannot stop its earlier process, which may run on.
		t.settle(key, mgmt.StepFailed, fmt.Sprintf("%s; its state is %s now", t.watched[key], state), mgmt.NodeOutputs{})
	}
}

// watch leaves a step open until the node's state says what became of it.
func (t *task) watch(key stepKey, why string) {
	t.watched[key] = why
	t.look(key)
}

// stateOf returns the last state of a node that its agent has told. It returns nothing if
// none is known.
func (o *observed) stateOf(key stepKey) mgmt.State {
	s := o.reports[key.instance]
	if s == nil {
		return ""
	}
	return s.nodes[key.node].State
}
