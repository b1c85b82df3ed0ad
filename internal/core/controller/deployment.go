package controller

import (
	"reflect"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// deployment brings a configuration to its agents. A client's deployment gathers
// the agents, asks them whether they could run the configuration, saves the
// configuration, sends it, and ends with the agents' answers. Before the save, the
// whole deployment can be refused, and nothing has changed then. The controller
// itself starts an internal deployment when agents have connected again that may
// not run the deployed configuration. An internal deployment does not ask the
// agents first, because they accepted that configuration earlier.
type deployment struct {
	parts
	id    mgmt.ReqID
	order *order // what the client wants; nil if the deployment is internal
	// target is the configuration as it was staged while the deployment gathers
	// agents, and later the configuration as it is sent.
	target *target
	// amends says that target differs from the configuration that was deployed
	// before, although both have the same ID.
	amends bool
	phase  phase
	times  times
	// asked has the agents that were asked whether they could run the configuration, and when
	// they have answered.
	asked map[*agent]time.Time
	// backends has the cluster backends that they would use.
	backends backends
	idle     idleness
	open     []*leg
	// leaving has the agents of instances that the deployment takes out of the
	// cluster. The deployment is answered when their nodes have ended.
	leaving []*agent
	outcome outcome
	steps   deploymentSteps
	unsaved bool // the configuration could not be saved
	// reverting watches what d deploys.
	reverting *reverting
	// watching learns what the nodes do.
	watching *watching
}

// order says what the client of a deployment wants.
type order struct {
	// request is the request to answer. It is nil if its client is gone, and if it was
	// answered when the deployment began.
	request *request
	asked   detail // of that request; empty if the deployment is resumed
	// given is the configuration as the user has given it: the staged entry, or an entry
	// that was not staged.
	given   *Entry
	origin  mgmt.Origin
	partial bool // deploys without the instances that are not connected
	tells   bool // the client understands DeployProgress
	// revertAfter is how long the nodes may take to come up. Zero means that the deployment
	// is not taken back.
	revertAfter time.Duration
	// reverts is the operation of the deployment that this one takes back, or nil. Its
	// configuration ran before: it needs no preflight, and waits for nobody.
	reverts *operation
	// resumed says that an earlier life of the controller has begun and saved the
	// deployment. late are the instances that have not connected yet.
	resumed bool
	late    []mgmt.InstanceName
}

// times are the times at which a deployment goes on by itself.
type times struct {
	telling   time.Time // when to tell the client for whom this phase waits; zero if it was told
	grace     time.Time // ends gathering
	preflight time.Time // ends preparing
	late      time.Time // ends the wait of a resumed deployment for instances that are late
	deadline  time.Time // ends the deployment
	// fetched says that these times were put off, because agents fetched bundles.
	fetched bool
}

// outcome is the outcome of a deployment so far.
type outcome struct {
	results []mgmt.Result
	// refusers are the instances whose agents refused the configuration.
	refusers []mgmt.InstanceName
	// complaints has the latest error that an agent reported of each node.
	complaints map[mgmt.NodeName]string
}

type phase int

const (
	gathering phase = iota
	preparing
	committing // a Save is unanswered
	sending
	ended
)

func (d *deployment) internal() bool { return d.order == nil }

func (d *deployment) partial() bool { return d.order != nil && d.order.partial }

// due returns when the deployment goes on, if nothing happens before.
func (d *deployment) due() time.Time {
	end := d.times.deadline
	switch d.phase {
	case gathering:
		end = d.times.grace
	case preparing:
		end = d.times.preflight
	case sending:
		if (resumption{d}).waits() {
			end = earlierOf(end, d.times.late)
		}
		if at, ok := (whileFetching{d}).meanwhile(); ok {
			end = earlierOf(end, at)
		}
	}
	if telling := d.times.telling; !telling.IsZero() && telling.Before(end) {
		return telling
	}
	return end
}

// tellAfter is how long a deployment waits in a phase before it tells its client
// for whom it waits. Most agents are connected and answer at once.
const tellAfter = time.Second

// enter begins a phase in which the deployment waits for agents.
func (d *deployment) enter(p phase) {
	d.phase, d.times.telling = p, d.now.Add(tellAfter)
}

// proceed takes the deployment one step further. It reports whether there was
// anything to do.
func (d *deployment) proceed() bool {
	if telling := d.times.telling; !telling.IsZero() && !d.now.Before(telling) {
		d.times.telling = time.Time{}
		d.tellWaiting()
	}
	defer d.sayDoing()
	switch d.phase {
	case gathering:
		if d.now.Before(d.times.grace) && len(d.awaited()) > 0 {
			return false
		}
		d.weigh()
		return true
	case preparing:
		d.expirePreflights()
		if len(d.open) > 0 {
			return false
		}
		d.judge()
		return true
	case sending:
		d.expireAnswers()
		d.forgetLeft()
		resumption{d}.sendLate()
		whileFetching{d}.sendMeanwhile()
		if len(d.open) > 0 || len(d.leaving) > 0 || (resumption{d}).waits() {
			return false
		}
		d.finish()
		return true
	}
	return false
}

// retarget makes config the configuration that d saves and sends next.
func (d *deployment) retarget(config mgmt.Configuration) {
	before := d.memory.deployed
	d.target = newTarget(config)
	d.amends = before != nil && before.config.ID == config.ID && !reflect.DeepEqual(before.config, config)
}

// begin makes a leg of the deployment. The caller sends it.
func (d *deployment) begin(a *agent, by asker) *leg {
	l := d.legs.begin(a, by)
	l.fetching.before = d.times
	d.open = append(d.open, l)
	return l
}

// closed takes a leg off the deployment.
func (d *deployment) closed(l *leg) {
	d.open = slices.DeleteFunc(d.open, func(o *leg) bool { return o == l })
}

// addResults adds to the results of the deployment.
func (d *deployment) addResults(results ...mgmt.Result) {
	d.outcome.results = append(d.outcome.results, results...)
}

// tellWaiting tells d's client for whom d waits, if the client understands that
// message.
func (d *deployment) tellWaiting() {
	var text string
	switch whom := d.awaitedAnswers(); {
	case d.phase == gathering:
		text = d.tellAwaited()
	case whom == "": // the last answer has come just now
	case d.phase == preparing:
		text = "the configuration is checked on " + whom
	case d.phase == sending:
		text = "waiting for the nodes of " + whom
	}
	if text != "" && d.order != nil && d.order.tells && d.order.request != nil {
		d.emit(Reply{d.order.request.Asker, mgmt.DeployProgress{ReqID: d.id, Text: text}})
	}
}

// sayDoing has the operation say what d waits for.
func (d *deployment) sayDoing() {
	if d.steps.op == nil || d.phase == ended {
		return
	}
	switch whom := d.awaitedAnswers(); {
	case d.phase == gathering:
		d.steps.op.doing("waiting for " + mgmt.FewNames(d.awaited(), maxNamed))
	case whom == "":
	case d.phase == preparing:
		d.steps.op.doing("preflight on " + whom)
	case d.phase == sending:
		d.steps.op.doing("waiting for the nodes of " + whom)
	}
}

// awaitedAnswers names the first instances whose answers d waits for, and says how many more there
// are.
func (d *deployment) awaitedAnswers() string {
	var late []mgmt.InstanceName
	if d.order.isResumed() {
		late = d.order.late
	}
	names := make([]string, 0, maxNamed)
	for _, l := range d.open[:min(len(d.open), maxNamed)] {
		name := string(l.agent.name)
		if fetches := l.fetches(); fetches != "" {
			name += " (" + fetches + ")"
		}
		names = append(names, name)
	}
	for _, a := range d.leaving[:min(len(d.leaving), maxNamed-len(names))] {
		names = append(names, string(a.name))
	}
	for _, name := range late[:min(len(late), maxNamed-len(names))] {
		names = append(names, string(name))
	}
	return mgmt.FewTextsOf(names, len(d.open)+len(d.leaving)+len(late), ", ")
}

// title returns the text of a note about d.
func (d *deployment) title(text string) string {
	if d.internal() {
		return "internal " + text
	}
	return text
}
