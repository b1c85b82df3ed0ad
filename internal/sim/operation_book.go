package sim

import (
	"bytes"
	"reflect"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// operationBook holds what users have begun. It outlasts the lives of the controller. It
// checks what the controller makes of it.
type operationBook struct {
	*world
	orders map[mgmt.OperationID]*order
	// deployed holds the nodes of each revision that was deployed, without their ports.
	deployed map[uint64][]mgmt.Node
	*operationLife
}

// operationLife is what the present life of a controller has made of operations.
type operationLife struct {
	// refused says that an agent has refused what is deployed. That may not be saved yet.
	refused bool
	// rolling are the rolling restarts that run.
	rolling map[mgmt.OperationID]*order
	// told holds the operations whose end was told.
	told map[mgmt.OperationID]bool
	// shown holds what the snapshots have shown last.
	shown map[mgmt.OperationID]*mgmt.Operation
}

// order is an operation as its user has asked for it.
type order struct {
	id    mgmt.OperationID
	who   string
	asked mgmt.Request // a ChangeRequest or an OperateRequest
	// What follows is of restarts. nodes are those that the user means and that were not
	// stopped. batch is how many of them may be down at once; zero means all.
	nodes []mgmt.NodeName
	batch int
	restarts
}

func newOperationBook(w *world) *operationBook {
	return &operationBook{
		world: w, orders: map[mgmt.OperationID]*order{}, deployed: map[uint64][]mgmt.Node{}, operationLife: newOperationLife(),
	}
}

func newOperationLife() *operationLife {
	return &operationLife{rolling: map[mgmt.OperationID]*order{}, told: map[mgmt.OperationID]bool{}, shown: map[mgmt.OperationID]*mgmt.Operation{}}
}

func operationOf(list []*mgmt.Operation, id mgmt.OperationID) *mgmt.Operation {
	for _, op := range list {
		if op.ID == id {
			return op
		}
	}
	return nil
}

// begins forgets what an earlier life of the controller has shown.
func (ops *operationLife) begins() {
	clear(ops.shown)
	clear(ops.rolling)
	ops.refused = false
	clear(ops.told)
}

// tells takes what the controller tells of operations. It demands that an operation that has
// ended does not end again, and that the audit says the same of its end.
func (ops *operationBook) tells(effects []controller.Effect) {
	audited := map[mgmt.OperationID]mgmt.AuditOutcome{}
	for _, effect := range effects {
		if e, ok := effect.(controller.Audit); ok {
			audited[e.Record.Operation] = e.Record.Outcome
		}
	}
	for _, effect := range effects {
		e, ok := effect.(controller.Happened)
		if !ok || e.Kind != mgmt.HappenedOperation || !mgmt.OperationState(e.To).Ends() {
			continue
		}
		if ops.told[e.Operation] {
			ops.violated("controller tells twice that operation %d has ended: %+v", e.Operation, e.Happening)
		}
		ops.told[e.Operation] = true
		if got := audited[e.Operation]; string(got) != e.To {
			ops.violated("operation %d ends as %s, and the audit says %q of it", e.Operation, e.To, got)
		}
	}
}

// accept checks the answer to a request that begins an operation.
func (ops *operationBook) accept(r request, op *mgmt.Operation) {
	saved := ops.controller.disk.saved
	if op == nil || ops.orders[op.ID] != nil || operationOf(saved.Operations, op.ID) == nil {
		ops.violated("controller answers %s %q with %+v, which it has not saved or which another request has begun", r.kind, r.id, op)
		return
	}
	o := &order{id: op.ID, who: string(r.client), asked: r.asked}
	ops.orders[op.ID] = o
	kind, said := mgmt.OperationDeploy, ""
	switch msg := r.asked.(type) {
	case mgmt.ChangeRequest:
		if said = msg.Note; msg.Of != 0 {
			kind = mgmt.OperationRollback
		}
		if now := revision(saved.Deployed); msg.Seen != nil && *msg.Seen != now {
			ops.violated("controller begins %s %q, whose user has seen r%d, and r%d is deployed", r.kind, r.id, *msg.Seen, now)
		}
	case mgmt.OperateRequest:
		kind, said = msg.Kind, msg.Note
		ops.acceptNodes(o, r, op)
	}
	if op.Kind != kind || op.Who != o.who || op.Note != said || op.From != revision(saved.Deployed) {
		ops.violated("controller makes of %s %q of %s the operation %+v", r.kind, r.id, o.who, op)
	}
}

// acceptNodes demands that the operation has the nodes that its user means.
func (ops *operationBook) acceptNodes(o *order, r request, op *mgmt.Operation) {
	saved, msg := ops.controller.disk.saved, r.asked.(mgmt.OperateRequest)
	nodes, ok := r.meant, r.meantAll
	var got []mgmt.NodeName
	for _, s := range op.Steps {
		got = append(got, s.Node)
	}
	slices.Sort(got)
	want := namesOf(nodes)
	if !ok || !slices.Equal(got, want) {
		ops.violated("controller begins a %s of %v upon %+v, which means %v", op.Kind, got, msg, want)
	}
	for _, n := range want {
		if !slices.Contains(saved.Stopped, n) {
			o.nodes = append(o.nodes, n)
		}
	}
	switch earlier := ops.orders[msg.Resumes]; {
	case earlier != nil:
		o.batch = earlier.batch
	case r.resumed != nil:
		o.batch = r.resumed.Batch
	case msg.Percent > 0:
		o.batch = max(1, len(o.nodes)*msg.Percent/100)
	case msg.Rolling:
		o.batch = max(1, msg.Batch)
	}
	if o.batch > 0 {
		ops.rolling[op.ID] = o
	}
}

// left returns the nodes that are left of a restart. It returns false if it cannot be
// resumed.
func left(earlier *mgmt.Operation, deployed *controller.Entry) ([]mgmt.Node, bool) {
	if earlier == nil || earlier.Kind != mgmt.OperationRestart || !earlier.State.Ends() || deployed == nil {
		return nil, false
	}
	var nodes []mgmt.Node
	for _, s := range earlier.Steps {
		if n, ok := deployed.Config.Node(s.Node); ok && s.State != mgmt.StepDone {
			nodes = append(nodes, n)
		}
	}
	return nodes, len(nodes) > 0
}

func namesOf(nodes []mgmt.Node) []mgmt.NodeName {
	var names []mgmt.NodeName
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	slices.Sort(names)
	return names
}

// checkSave demands that an operation that has ended does not change, that none vanishes
// except the oldest, if there are too many, and that no ID comes twice.
func (ops *operationBook) checkSave(before, next controller.State, had, has disk) {
	for _, was := range before.Operations {
		now := operationOf(next.Operations, was.ID)
		if now == was {
			continue // its value is the same
		}
		key := operationKey(was.ID)
		switch {
		case now == nil && !ops.mayVanish(was, next.Operations):
			ops.violated("controller forgets operation %d, which is %s, with %d others", was.ID, was.State, len(next.Operations))
		case now != nil && was.State.Ends() && !bytes.Equal(had[key], has[key]):
			ops.violated("controller saves another form of operation %d, which has ended: %+v was %+v", was.ID, now, was)
		}
	}
	for _, op := range next.Operations {
		was := operationOf(before.Operations, op.ID)
		if was == nil && op.ID <= before.LastOperation || op.ID > next.LastOperation {
			ops.violated("controller saves operation %d, and the last one was %d", op.ID, before.LastOperation)
		}
		if op.State.Ends() && (was == nil || !was.State.Ends()) {
			ops.checkEnd(op, next)
		}
	}
	ops.checkMarks(before, next)
	ops.checkRevisions(before, next)
}

// mayVanish reports whether an operation may be forgotten: it does not run, and there are
// enough newer ones. It may have ended and be forgotten at once.
func (ops *operationBook) mayVanish(op *mgmt.Operation, list []*mgmt.Operation) bool {
	newer := 0
	for _, o := range list {
		if o.ID > op.ID {
			newer++
		}
	}
	return (op.State.Ends() || ops.told[op.ID]) && newer >= ops.terms.controller.WithDefaults().Operations
}

// checkEnd checks what an operation that has ended says of itself.
func (ops *operationBook) checkEnd(op *mgmt.Operation, next controller.State) {
	failed := 0
	for _, s := range op.Steps {
		switch s.State {
		case mgmt.StepWaiting, mgmt.StepRunning:
			ops.violated("operation %d is %s, and its step %+v is not", op.ID, op.State, s)
		case mgmt.StepFailed:
			if op.RevertAt.IsZero() || s.Action != mgmt.ActionStop { // a node that is to end may outlast the watch
				failed++
			}
		}
	}
	switch ended := op.State; {
	case op.Ended.IsZero() || ended != mgmt.OperationDone && ended != mgmt.OperationFailed && ended != mgmt.OperationInterrupted:
		ops.violated("operation %d has ended as %q at %s", op.ID, ended, op.Ended)
	case (ended == mgmt.OperationDone) != (op.Error == ""):
		ops.violated("operation %d is %s with the error %q", op.ID, ended, op.Error)
	case ended == mgmt.OperationDone && failed > 0:
		ops.violated("operation %d is done with %d steps that have failed: %+v", op.ID, failed, op)
	case !op.RevertAt.IsZero() && ended != mgmt.OperationDone && op.RevertedBy == 0 && op.Revision == revision(next.Deployed):
		ops.violated("deployment %d is %s, and its revision %d stays deployed: %s", op.ID, ended, op.Revision, op.Error)
	}
	if o := ops.orders[op.ID]; o != nil && op.Kind == mgmt.OperationRestart {
		o.checkSteps(ops, op)
	}
}

// checkSnapshot demands that the controller shows all operations that it has saved, and
// that none changes after it has ended.
func (ops *operationBook) checkSnapshot(snap *mgmt.Snapshot) {
	for _, saved := range ops.controller.disk.saved.Operations {
		if operationOf(snap.Operations, saved.ID) == nil && !ops.mayVanish(saved, snap.Operations) {
			ops.violated("controller's snapshot lacks operation %d, which is %s", saved.ID, saved.State)
		}
	}
	for _, op := range snap.Operations {
		was := ops.shown[op.ID]
		if was == op {
			continue
		}
		ops.shown[op.ID] = op
		switch {
		case was != nil && was.State.Ends():
			if !reflect.DeepEqual(was, op) {
				ops.violated("controller's snapshot changes operation %d, which has ended: %+v was %+v", op.ID, op, was)
			}
		case op.State.Ends():
			ops.checkUp(op, was)
			delete(ops.rolling, op.ID)
		case op.Kind == mgmt.OperationRevert && was == nil && operationOf(ops.controller.disk.saved.Operations, op.ID) == nil:
			ops.checkRevert(op, snap)
		}
	}
	for id, was := range ops.shown {
		if operationOf(snap.Operations, id) == nil {
			delete(ops.shown, id)
			delete(ops.rolling, id)
			if was.State == mgmt.OperationRunning && !ops.mayVanish(was, snap.Operations) {
				ops.violated("controller's snapshot lacks operation %d, which runs", id)
			}
		}
	}
}

// checkPeace demands that no operation runs in peace. A deployment may be watched until its
// time has come: somebody may have set the controller's clock back.
func (ops *operationBook) checkPeace() {
	for _, op := range ops.controller.snapshot().Operations {
		if !op.State.Ends() && !op.RevertAt.After(ops.controller.clock.read(ops.now)) {
			ops.violated("in peace operation %d still runs: %+v", op.ID, op)
		}
	}
}

// isSteer reports whether an operation stops, starts, pauses or resumes nodes.
func isSteer(kind mgmt.OperationKind) bool {
	switch kind {
	case mgmt.OperationStart, mgmt.OperationStop, mgmt.OperationPause, mgmt.OperationResume:
		return true
	}
	return false
}

// notSaved reports whether an operation ended because it could not be saved. It changed
// nothing.
func notSaved(op *mgmt.Operation) bool {
	return op.State == mgmt.OperationFailed && strings.HasPrefix(op.Error, "save operation: ")
}

// checkMarks demands that nodes are stopped and paused as users have said. A node that is
// removed loses what was said of it.
func (ops *operationBook) checkMarks(before, next controller.State) {
	stopped, paused := slices.Clone(before.Stopped), slices.Clone(before.Paused)
	for _, op := range next.Operations {
		if !isSteer(op.Kind) || notSaved(op) || operationOf(before.Operations, op.ID) != nil {
			continue
		}
		asks := func(r request) bool {
			msg, ok := r.asked.(mgmt.OperateRequest)
			return ok && !r.denied && string(r.client) == op.Who && msg.Kind == op.Kind && r.meantAll && slices.Equal(namesOf(r.meant), stepNames(op))
		}
		if !slices.ContainsFunc(ops.controller.book.asked, asks) {
			ops.violated("controller saves operation %+v, which nobody has asked for", op)
		}
		for _, n := range stepNames(op) {
			switch op.Kind {
			case mgmt.OperationStop:
				stopped = append(stopped, n)
			case mgmt.OperationPause:
				paused = append(paused, n)
			case mgmt.OperationStart:
				stopped = slices.DeleteFunc(stopped, func(o mgmt.NodeName) bool { return o == n })
			case mgmt.OperationResume:
				paused = slices.DeleteFunc(paused, func(o mgmt.NodeName) bool { return o == n })
			}
		}
	}
	if !slices.Equal(deployedOf(next, stopped), next.Stopped) || !slices.Equal(deployedOf(next, paused), next.Paused) {
		ops.violated("controller saves %v as stopped and %v as paused, users want %v and %v",
			next.Stopped, next.Paused, deployedOf(next, stopped), deployedOf(next, paused))
	}
}

func stepNames(op *mgmt.Operation) []mgmt.NodeName {
	var names []mgmt.NodeName
	for _, s := range op.Steps {
		names = append(names, s.Node)
	}
	slices.Sort(names)
	return names
}

// deployedOf returns, sorted, the names of nodes that are deployed.
func deployedOf(s controller.State, names []mgmt.NodeName) []mgmt.NodeName {
	var list []mgmt.NodeName
	for _, n := range names {
		if s.Deployed != nil {
			if _, ok := s.Deployed.Config.Node(n); ok {
				list = append(list, n)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
