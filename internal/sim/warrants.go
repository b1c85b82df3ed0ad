package sim

import (
	"reflect"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// warrants holds what users have asked for who were allowed to. It checks that nothing
// in the cluster changes without such a request. It knows by itself who may do what.
type warrants struct {
	*environment
	ops *operationBook
	*opened
	// staged holds the configurations that were to be staged, by their IDs.
	staged map[string][]stagedBy
	// deployed holds the IDs of configurations that were deployed upon a warrant.
	deployed map[string]bool
}

// opened are the warrants of the present life of a controller.
type opened struct{ open []warrant }

// warrant is a request of a user who was allowed to make it.
type warrant struct {
	who, kind string
	since     time.Duration
	until     time.Duration // when it must have been answered
	begun     bool          // the audit says that it has begun
	operation mgmt.OperationID
}

type stagedBy struct {
	who    string
	config mgmt.Configuration
}

func newWarrants(e *environment) *warrants {
	return &warrants{environment: e, opened: new(opened), staged: map[string][]stagedBy{}, deployed: map[string]bool{}}
}

// allowed reports whether a user with this role may make a request of this kind.
func allowed(role mgmt.UserRole, kind string) bool {
	switch kind {
	case "stage_configuration", "deploy", "restart", "plan", "change", "operate", "dispatch":
		return role == mgmt.Operator || role == mgmt.Admin
	}
	return role == mgmt.Viewer || role == mgmt.Operator || role == mgmt.Admin
}

// ask notes a request that must be answered after this time, if its user may make it.
func (ws *warrants) ask(user mgmt.Principal, msg mgmt.Message, patience time.Duration) {
	req, ok := mgmt.AsRequest(msg)
	if !ok || mgmt.KindOf(req).May == mgmt.NoUser || !allowed(user.Role, mgmt.KindOf(req).Name()) {
		return
	}
	ws.open = slices.DeleteFunc(ws.open, func(o warrant) bool { return o.until < ws.now })
	if kind := mgmt.KindOf(req).Name(); kind == "change" || kind == "operate" {
		patience = time.Hour // the operation goes on after the answer
	}
	ws.open = append(ws.open, warrant{who: user.Name, kind: mgmt.KindOf(req).Name(), since: ws.now, until: ws.now + patience + lateness})
	switch req := req.(type) {
	case mgmt.StageConfigurationRequest:
		ws.stage(user.Name, req.Config)
	case mgmt.ChangeRequest:
		ws.stage(user.Name, req.Config)
	}
}

func (ws *warrants) stage(who string, config mgmt.Configuration) {
	ws.staged[config.ID] = append(ws.staged[config.ID], stagedBy{who, config.Clone()})
}

// putOff lets the warrants of plans and deployments hold longer, for which bundles arrive.
func (ws *warrants) putOff() {
	for i, o := range ws.open {
		if o.kind == "plan" || o.kind == "deploy" {
			ws.open[i].until = max(o.until, ws.now+time.Minute)
		}
	}
}

// has reports whether there is a warrant for something. Without a name it may be
// anybody's.
func (ws *warrants) has(who, kind string, begun bool) bool {
	return slices.ContainsFunc(ws.open, func(o warrant) bool {
		return o.kind == kind && (who == "" || o.who == who) && (o.begun || !begun) && ws.now <= o.until
	})
}

// audited takes a record of the audit.
func (ws *warrants) audited(rec mgmt.AuditRecord) {
	fresh := ws.latest(rec.Who, rec.Request, false)
	switch rec.Outcome {
	case mgmt.AuditBegun:
		if fresh < 0 && ws.ops.reverts(rec.Who) {
			return
		}
		if fresh < 0 {
			ws.violated("the audit says that %s has begun to %s without a request that its user may make", rec.Who, rec.Request)
			return
		}
		ws.open[fresh].begun, ws.open[fresh].operation = true, rec.Operation
	case mgmt.AuditDone, mgmt.AuditFailed, mgmt.AuditInterrupted:
		ended := ws.latest(rec.Who, rec.Request, true)
		if fresh >= 0 && ws.open[fresh].since == ws.now {
			ended = fresh // it came just now, and has not begun
		}
		if ws.several && fresh >= 0 && (ended < 0 || ws.open[ended].operation != rec.Operation) {
			ended = fresh // it came when its save began
		}
		if ended >= 0 {
			ws.open = slices.Delete(ws.open, ended, ended+1)
		}
	}
}

// latest returns the index of the latest warrant of a user that has begun, or has not.
// It is negative if there is none.
func (ws *warrants) latest(who, kind string, begun bool) int {
	for i, o := range slices.Backward(ws.open) {
		if o.who == who && o.kind == kind && o.begun == begun {
			return i
		}
	}
	return -1
}

// checkSave demands that users who were allowed to have asked for what the controller
// saves.
func (ws *warrants) checkSave(before, next controller.State) {
	if e := next.Staged; revision(e) != revision(before.Staged) && e.Revision != revision(next.Deployed) && !ws.hasStaged(e.Who, e.Config) {
		ws.violated("controller saves that %s is staged by %s without a request that its user may make", e.Config.ID, e.Who)
	}
	if e := next.Deployed; revision(e) != revision(before.Deployed) {
		kind := "deploy"
		if ws.ops.orders[e.Operation] != nil {
			kind = "change"
		}
		reverts := e.Kind == mgmt.OperationRevert && ws.ops.reverts(e.Who)
		if !reverts && !ws.has(e.Who, kind, true) || !ws.hasStaged("", e.Config) {
			ws.violated("controller saves that %s is deployed by %s without a request that its user may make", e.Config.ID, e.Who)
		}
		ws.deployed[e.Config.ID] = true
	}
}

// hasStaged reports whether the configuration was to be staged. Without a name it may
// have been anybody. A deployment adds hosts and ports.
func (ws *warrants) hasStaged(who string, config mgmt.Configuration) bool {
	return slices.ContainsFunc(ws.staged[config.ID], func(s stagedBy) bool {
		return (who == "" || s.who == who) && reflect.DeepEqual(unplaced(s.config), unplaced(config))
	})
}

// unplaced returns the nodes of a configuration without ports.
func unplaced(config mgmt.Configuration) []mgmt.Node {
	nodes := slices.Clone(config.Nodes)
	for i := range nodes {
		nodes[i].Port, nodes[i].MetricsPort = nil, nil
	}
	return nodes
}

// checkSent demands that a user has asked for what the controller asks of an agent, and
// that the audit says so already.
func (ws *warrants) checkSent(msg mgmt.Message) {
	why := ""
	switch msg := msg.(type) {
	case mgmt.AgentDeployRequest:
		if !ws.deployed[msg.Config.ID] {
			why = "deploys " + msg.Config.ID
		}
	case mgmt.AgentPrepareRequest:
		if msg.Preflight == 0 { // a revert, which is deployed already
			if !ws.deployed[msg.Config.ID] {
				why = "trusts " + msg.Config.ID
			}
		} else if !ws.has("", "deploy", true) && !ws.has("", "change", true) {
			why = "prepares " + msg.Config.ID
		}
	case mgmt.AgentRestartRequest:
		if !ws.has("", "restart", true) && !ws.has("", "operate", true) {
			why = "restarts nodes"
		}
	case mgmt.AgentDispatchRequest:
		if !ws.has("", "get_id_value", false) && !ws.has("", "dispatch", false) {
			why = "asks nodes"
		}
	case mgmt.AgentPlanRequest:
		if !ws.has("", "plan", false) {
			why = "asks agents for a plan"
		}
	}
	if why != "" {
		ws.violated("controller %s without a request in the audit that its user may make", why)
	}
}

// checkDesired demands that a configuration that an agent saves, or from which it
// starts a node, was deployed by a user who was allowed to.
func (ws *warrants) checkDesired(who string, config mgmt.Configuration) {
	if config.ID != "" && !ws.deployed[config.ID] {
		ws.violated("%s runs %s, which nobody was allowed to deploy", who, config.ID)
	}
}
