package sim

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// badID ends the ID of a configuration that was spoiled.
const badID = "-bad"

// someChange returns the request for a deployment of a configuration, or for a rollback.
func (l *workload) someChange(c *client, id mgmt.ReqID) mgmt.Message {
	msg := mgmt.ChangeRequest{ReqID: id, Partial: l.chance(0.6)}
	if past := l.somePast(); past != nil && l.chance(0.3) {
		msg.Config, msg.Of = past.View().Given(), past.Revision
	} else if now := l.controller.disk.saved.Deployed; now != nil && l.chance(0.4) {
		msg.Config = l.tuned(now.View().Given())
	} else {
		msg.Config = l.givenConfiguration(c)
	}
	if l.chance(0.2) {
		msg.Of = pick(l.dice, []uint64{0, 1, 99999})
	}
	if l.chance(0.4) {
		msg.Seen = new(revision(l.controller.disk.saved.Deployed))
	} else if l.chance(0.2) {
		msg.Seen = new(uint64(l.rng.IntN(20)))
	}
	if l.chance(0.5) {
		msg.RevertAfter = pick(l.dice, []time.Duration{time.Second, 10 * time.Second, 40 * time.Second})
	}
	if l.chance(0.3) {
		msg.Patience = pick(l.dice, []time.Duration{3 * time.Second, 20 * time.Second, 28 * time.Second})
	}
	if l.chance(0.5) {
		msg.Note = fmt.Sprintf("for reason %d", l.rng.IntN(9))
	}
	return msg
}

// givenConfiguration returns a configuration that its client has not staged.
func (l *workload) givenConfiguration(c *client) mgmt.Configuration {
	c.last = l.someConfiguration(c.last)
	config := c.last.Clone()
	if l.chance(0.1) {
		l.spoil(&config)
		config.ID += badID
	}
	return config
}

// somePast returns a revision whose configuration the store has, or nil.
func (l *workload) somePast() *controller.Entry {
	d := &l.controller.disk
	list := d.predecessors(l.world)
	if e := d.saved.Deployed; e != nil {
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil
	}
	return pick(l.dice, list)
}

// somePlan returns the request for a plan.
func (l *workload) somePlan(c *client, id mgmt.ReqID) mgmt.Message {
	msg := mgmt.PlanRequest{ReqID: id, Config: l.givenConfiguration(c)}
	if l.chance(0.3) {
		msg.Patience = pick(l.dice, []time.Duration{3 * time.Second, 20 * time.Second})
	}
	return msg
}

// someOperation returns the request for an operation on nodes.
func (l *workload) someOperation(id mgmt.ReqID) mgmt.Message {
	msg := mgmt.OperateRequest{ReqID: id, Selectors: l.someSelectors(), Kind: pick(l.dice, []mgmt.OperationKind{
		mgmt.OperationStart, mgmt.OperationStart, mgmt.OperationStop, mgmt.OperationStop, mgmt.OperationPause, mgmt.OperationResume,
		mgmt.OperationRestart, mgmt.OperationRestart, mgmt.OperationRestart, mgmt.OperationRestart,
	})}
	if l.chance(0.3) {
		msg.Note = fmt.Sprintf("for reason %d", l.rng.IntN(9))
	}
	if msg.Kind != mgmt.OperationRestart {
		return msg
	}
	if earlier := l.someRestart(); earlier != 0 && l.chance(0.4) {
		msg.Resumes, msg.Selectors = earlier, nil
		return msg
	}
	msg.Rolling = l.chance(0.8)
	switch {
	case !msg.Rolling && l.chance(0.9):
	case l.chance(0.3):
		msg.Percent = pick(l.dice, []int{1, 40, 60, 100})
	case l.chance(0.8):
		msg.Batch = l.rng.IntN(5)
	}
	return msg
}

// someRestart returns a restart that the controller knows, or zero.
func (l *workload) someRestart() mgmt.OperationID {
	if l.controller.m == nil {
		return 0
	}
	list := slices.DeleteFunc(slices.Clone(l.controller.snapshot().Operations), func(o *mgmt.Operation) bool {
		return o.Kind != mgmt.OperationRestart
	})
	if len(list) == 0 || l.chance(0.1) {
		return mgmt.OperationID(l.rng.IntN(30))
	}
	return list[l.rng.IntN(min(len(list), 3))].ID
}

// someSelectors returns selectors of nodes: none, some, or bad ones.
func (l *workload) someSelectors() []string {
	var list []string
	for range l.rng.IntN(3) {
		list = append(list, pick(l.dice, []string{
			string(pick(l.dice, nodePool).Name), string(pick(l.dice, nodePool).Name), "w1*", "w*", "@workers", "@loggers",
			"%" + string(pick(l.dice, l.agents).name), "%a*",
		}))
	}
	if l.chance(0.05) {
		list = append(list, pick(l.dice, []string{"nobody", "%nowhere", "@kings", "w[", ""}))
	}
	return list
}

// selected returns the nodes that selectors mean, or all nodes if there are no selectors.
// It returns false if a selector means no node.
func selected(selectors []string, nodes []mgmt.Node) ([]mgmt.Node, bool) {
	if len(selectors) == 0 {
		return nodes, true
	}
	var list []mgmt.Node
	meant := map[string]bool{}
	for _, n := range nodes {
		means := false
		for _, s := range selectors {
			if means = means || selects(s, n); selects(s, n) {
				meant[s] = true
			}
		}
		if means {
			list = append(list, n)
		}
	}
	return list, !slices.ContainsFunc(selectors, func(s string) bool { return !meant[s] })
}

func selects(selector string, n mgmt.Node) bool {
	if role, ok := strings.CutPrefix(selector, "@"); ok {
		return strings.EqualFold(role, string(n.Role)+"s")
	}
	name := string(n.Name)
	if instance, ok := strings.CutPrefix(selector, "%"); ok {
		selector, name = instance, string(n.Instance)
	}
	ok, _ := path.Match(selector, name)
	return ok
}

// someDispatch returns the request for an action of nodes.
func (l *workload) someDispatch(id mgmt.ReqID) mgmt.Message {
	action := pick(l.dice, [][]string{{mgmt.GetIDValue, "Cluster::node"}, {mgmt.GetIDValue, unknownID}, {"get_fortune", fmt.Sprint(id)}, {""}, nil})
	return mgmt.DispatchRequest{ReqID: id, Action: action, Selectors: l.someSelectors()}
}
