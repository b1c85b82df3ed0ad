package sim

import (
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// mayRefuseOperation reports whether a request of our own clients may be refused for this
// reason. The second result is false if the reason is not one of those that only such
// requests have.
func (b *controllerBook) mayRefuseOperation(r request, why string) (may, ok bool) {
	begins := func(text string) bool { return strings.HasPrefix(why, text) }
	switch msg := r.asked.(type) {
	case mgmt.ChangeRequest:
		if b.mistaken(msg.Config) && !begins("more than ") && !begins("earlier request ") {
			return true, true
		}
		return b.mayRefuseChange(r, msg, begins), !b.general(begins)
	case mgmt.PlanRequest:
		return b.mistaken(msg.Config), !b.general(begins)
	case mgmt.OperateRequest:
		return b.mayRefuseOperate(r, msg, begins), !b.general(begins)
	case mgmt.DispatchRequest:
		bad := len(msg.Action) == 0 || msg.Action[0] == ""
		return bad || !r.meantAll || len(r.config.Nodes) == 0, !b.general(begins)
	}
	return false, false
}

// general reports whether requests of every kind may be refused for a reason.
func (b *controllerBook) general(begins func(string) bool) bool {
	return begins("request ID is longer") || begins("earlier request ") || b.controller.deposed ||
		begins("more than ") && !begins("more than 2 operations")
}

// mistaken reports whether somebody has put a mistake into the configuration, or ports are
// missing.
func (b *controllerBook) mistaken(config mgmt.Configuration) bool {
	return strings.HasSuffix(config.ID, badID) || !b.w.terms.controller.Rules.AssignBroker
}

func (b *controllerBook) mayRefuseChange(r request, msg mgmt.ChangeRequest, begins func(string) bool) bool {
	saved := b.controller.disk.saved
	deploys := func(o *mgmt.Operation) bool {
		return o.Kind == mgmt.OperationDeploy || o.Kind == mgmt.OperationRollback || o.Kind == mgmt.OperationRevert
	}
	known := msg.Of == revision(saved.Deployed) || slices.ContainsFunc(saved.History, func(p mgmt.PastConfig) bool { return p.Revision == msg.Of })
	switch {
	case begins("earlier deployment still pending"):
		return slices.ContainsFunc(r.begun, deploys)
	case begins("nothing was deployed"):
		return msg.Seen != nil && *msg.Seen != revision(saved.Deployed)
	case begins("revision "):
		return msg.Of != 0 && !known
	case begins("nothing could be reverted to"):
		return msg.RevertAfter > 0 && saved.Deployed == nil
	}
	return begins("save operation: disk full")
}

func (b *controllerBook) mayRefuseOperate(r request, msg mgmt.OperateRequest, begins func(string) bool) bool {
	limit := b.w.terms.controller.Limits.Operating
	restarts := msg.Kind == mgmt.OperationRestart
	atWork := func(o *mgmt.Operation) bool { return !isSteer(o.Kind) }
	switch {
	case begins("a batch needs a rolling restart"):
		return restarts && !msg.Rolling && (msg.Batch != 0 || msg.Percent != 0)
	case begins("no node is deployed"):
		return len(r.config.Nodes) == 0
	case begins("more than 2 operations"):
		return limit == 2 && len(r.begun) >= limit
	case begins("operation ") && restarts && slices.ContainsFunc(r.begun, atWork):
		return true
	case begins("there is no operation"):
		return msg.Resumes != 0 && r.resumed == nil
	case begins("operation "):
		return msg.Resumes != 0 && (!r.meantAll || slices.ContainsFunc(b.controller.snapshot().Operations, func(o *mgmt.Operation) bool {
			return o.Resumes == msg.Resumes
		}))
	case begins("the agent of instance"):
		return !restarts && !b.w.terms.steers
	case begins("save operation: disk full"):
		return true
	}
	return msg.Resumes == 0 && !r.meantAll
}

// isOurs reports whether a request is one that only our own clients make.
func isOurs(req mgmt.Request) bool { return mgmt.KindOf(req).Local }

// holdsUp reports whether no client of the Management API may restart nodes because of an
// operation: a rolling restart, or a deployment.
func holdsUp(o *mgmt.Operation) bool {
	return o.Batch > 0 || !isSteer(o.Kind) && o.Kind != mgmt.OperationRestart
}

// checkPlan demands that a plan has all nodes of the configuration, and that it was made
// for what is deployed.
func (b *controllerBook) checkPlan(r request, plan *mgmt.FleetPlan) {
	config := r.asked.(mgmt.PlanRequest).Config
	if plan == nil {
		b.w.violated("controller answers plan %q of %s with %+v", r.id, config.ID, plan)
		return
	}
	count := map[place]int{}
	for _, n := range plan.Nodes {
		count[place{n.Instance, n.Node}]++
	}
	for _, n := range config.Nodes {
		if count[place{n.Instance, n.Name}] != 1 {
			b.w.violated("controller's plan %q has %s of %s %d times", r.id, n.Name, n.Instance, count[place{n.Instance, n.Name}])
		}
	}
	for _, in := range config.Instances {
		for _, one := range config.BundlesOf(in.Name) {
			if !slices.ContainsFunc(plan.Bundles, func(p mgmt.PlannedBundle) bool {
				return p.Instance == in.Name && p.Name == one.Name && p.Hash == one.Hash
			}) {
				b.w.violated("controller's plan %q lacks bundle %s of %s", r.id, one.Name, in.Name)
			}
		}
	}
	if plan.Deployed > revision(b.controller.disk.saved.Deployed) {
		b.w.violated("controller's plan %q is for r%d, which is not deployed", r.id, plan.Deployed)
	}
}

// checkSteer demands that an agent is told what users have said of its nodes.
func (b *controllerBook) checkSteer(instance mgmt.InstanceName, msg mgmt.AgentSteerRequest) {
	saved := b.controller.disk.saved
	stopped, paused := marksOf(saved.Deployed, instance, saved.Stopped), marksOf(saved.Deployed, instance, saved.Paused)
	a := b.controller.peers.holder(instance)
	if a == nil || !b.w.terms.steers || !slices.Equal(msg.Stopped, stopped) || !slices.Equal(msg.Paused, paused) {
		b.w.violated("controller tells %s that %v are stopped and %v are paused; saved are %v and %v", instance, msg.Stopped, msg.Paused, stopped, paused)
		return
	}
	a.stopped, a.paused = stopped, paused
}

// checkSteered demands that an agent knows which nodes are stopped or paused before it is
// sent the configuration that has them.
func (b *controllerBook) checkSteered(instance mgmt.InstanceName, config mgmt.Configuration) {
	saved := b.controller.disk.saved
	a := b.controller.peers.holder(instance)
	if a == nil || !b.w.terms.steers {
		return
	}
	for _, n := range config.NodesOf(instance) {
		for mark, lists := range map[string][2][]mgmt.NodeName{"stopped": {saved.Stopped, a.stopped}, "paused": {saved.Paused, a.paused}} {
			if slices.Contains(lists[0], n.Name) && !slices.Contains(lists[1], n.Name) {
				b.w.violated("controller deploys %s on %s before it says that it is %s", n.Name, instance, mark)
			}
		}
	}
}

// marksOf returns the nodes of an instance among names.
func marksOf(e *controller.Entry, instance mgmt.InstanceName, names []mgmt.NodeName) []mgmt.NodeName {
	var list []mgmt.NodeName
	for _, n := range names {
		if node, ok := e.Config.Node(n); ok && node.Instance == instance {
			list = append(list, n)
		}
	}
	return list
}

// isPlan reports whether a message is about a plan, which changes nothing.
func isPlan(msg mgmt.Message) bool {
	switch msg.(type) {
	case mgmt.PlanRequest, mgmt.AgentPlanRequest, mgmt.AgentPlanResponse:
		return true
	}
	return false
}

// beginPurely does everything that is due, if the next event must change nothing. It returns
// false if the controller's life has ended by that.
func (c *controllerPart) beginPurely(pure bool) bool {
	if life := c.life; pure {
		c.step(controller.Tick{})
		if c.member.stalls() {
			return false // the Tick saves
		}
		c.pure = c.alive(life)
		return c.pure
	}
	return true
}

// checkPure demands that the effects of an event that must change nothing do not.
func (c *controllerPart) checkPure(ev controller.Event, effects []controller.Effect) {
	if !c.pure {
		return
	}
	c.pure = false
	for _, effect := range effects {
		switch e := effect.(type) {
		case controller.Reply, controller.Note, controller.Audit:
			continue
		case controller.ToAgent:
			if isPlan(e.Msg) {
				continue
			}
		}
		c.w.violated("controller does %T upon %T, which is about a plan", effect, ev)
	}
}
