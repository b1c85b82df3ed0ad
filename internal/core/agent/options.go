package agent

import (
	"cmp"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// optionList stands for the RunOptions of a node: equal lists have equal texts. The empty
// text stands for no options. No name and no value has the character that separates them.
type optionList string

func optionsOf(n mgmt.Node) optionList {
	return optionList(strings.Join(n.RunOptionArguments(), "\x00"))
}

// optionsKnown are the RunOptions that a process has, as far as its agent knows.
type optionsKnown struct {
	state optionsState
	list  optionList // if state is optionsGiven or optionsSet
}

type optionsState int

const (
	optionsUnknown optionsState = iota // an earlier life of the agent has started it
	optionsGiven                       // it was started with list, and did not say that it has them
	optionsSet                         // it has list
	optionsTold                        // it was told of others, and did not answer: it may have any of them
)

// givenOptions is what is known of a process that is started with these options. A list
// without options needs no answer.
func givenOptions(list optionList) optionsKnown {
	if list == "" {
		return optionsKnown{state: optionsSet}
	}
	return optionsKnown{optionsGiven, list}
}

// optionTelling is a request with which a process was told of its RunOptions.
type optionTelling struct {
	id     mgmt.ReqID
	list   optionList
	before optionsKnown // what it has if it refuses list: it changes all options, or none
}

// optionsOfProcess is what a process has of RunOptions, and what it was told.
type optionsOfProcess struct {
	known optionsKnown
	// takes says that it has announced, on this connection or on an earlier one, that it can
	// be told.
	takes bool
	told  *optionTelling // was sent and not answered yet; nil: none
	// why says why the process does not take refused. Empty: it has refused nothing. It is
	// not told of that list again until somebody deploys.
	refused optionList
	why     string
}

// options tells running nodes the values of their options.
type options struct {
	*turn
	rollout *rollout
	peers   *peers
}

// outcome says whether n has still to say whether it takes the options that it is to have,
// and otherwise why it does not take them. A process that cannot be told of options, and
// that is to have none, owes no answer.
func (o *options) outcome(n *node) (owes bool, why string) {
	if n.proc == nil {
		return false, ""
	}
	p, list := &n.proc.options, optionsOf(n.plan.Node)
	switch {
	case p.known == (optionsKnown{optionsSet, list}):
		return false, ""
	case p.why != "" && p.refused == list:
		return false, p.why
	case p.known.state == optionsUnknown && list == "":
		return p.takes, ""
	}
	return true, ""
}

// tellAll tells the running nodes of options that they do not have yet.
func (o *options) tellAll() {
	for _, tier := range o.rollout.nodes.tiers {
		for _, n := range tier {
			if !n.wanted || n.peer == "" || !n.up() {
				continue
			}
			if owes, _ := o.outcome(n); owes {
				o.send(n)
			}
		}
	}
}

// send tells n of its options, unless it was told and has not answered yet.
func (o *options) send(n *node) {
	p, list := &n.proc.options, optionsOf(n.plan.Node)
	switch {
	case p.told != nil && p.told.list == list:
		return
	case o.peers.known[n.peer].lacks([]string{mgmt.SetOptions}):
		p.told = nil
		o.cannot(n, list, p.known)
		return
	}
	// If it is told of another list before it answers, and refuses that one, nobody knows
	// which it has.
	p.told, p.known = &optionTelling{mgmt.NewReqID(o.rng), list, p.known}, optionsKnown{state: optionsTold}
	o.emit(ToNodes{
		To: []NodePeer{{Peer: n.peer, Node: n.name(), Launch: n.proc.launch}},
		Msg: mgmt.NodeDispatchRequest{
			ReqID: p.told.id, Action: append([]string{mgmt.SetOptions}, n.plan.Node.RunOptionArguments()...), Nodes: []mgmt.NodeName{n.name()},
		},
	})
}

// heard takes a node's answer to the options that it was told last, and reports false if
// msg answers something else. n may be nil.
func (o *options) heard(p *peer, n *node, msg mgmt.NodeDispatchResponse) bool {
	if n == nil || n.peer != p.id || n.proc == nil || n.proc.options.told == nil || n.proc.options.told.id != msg.ReqID {
		return false
	}
	if msg.Result.Node != "" && msg.Result.Node != p.node {
		return true // it is not the peer's to give
	}
	own := &n.proc.options
	told := own.told
	own.told = nil
	switch {
	case msg.Result.Success:
		o.has(n, told.list)
	case strings.HasPrefix(msg.Result.Error, "dispatch "+mgmt.SetOptions+" unknown"):
		o.cannot(n, told.list, told.before)
	default:
		o.refuse(n, told.list, told.before, cmp.Or(msg.Result.Error, "no reason given"))
	}
	return true
}

// has takes note that n has a list of options.
func (o *options) has(n *node, list optionList) {
	own := &n.proc.options
	own.known, own.refused, own.why = optionsKnown{optionsSet, list}, "", ""
	o.emit(Note{Level: Debug, Text: "node has its options", Node: n.name()})
	o.said(n)
}

// said tells the requests that n has said whether it takes its options. If n is about to end,
// they wait for something else.
func (o *options) said(n *node) {
	if n.up() {
		o.rollout.became(n, up)
	}
}

// cannot takes note that n cannot be told of options. It has those with which it was
// started.
func (o *options) cannot(n *node, list optionList, known optionsKnown) {
	if known == (optionsKnown{optionsGiven, list}) {
		o.has(n, list)
		return
	}
	o.refuse(n, list, known, "its program does not know "+mgmt.SetOptions+"; restart it")
}

// refuse takes note that n does not take a list of options. It has what it had before. What
// it said may have values, and everyone can subscribe: not everyone is told that.
func (o *options) refuse(n *node, list optionList, known optionsKnown, why string) {
	own := &n.proc.options
	own.known, own.refused, own.why = known, list, why
	o.emit(Note{Level: Warn, Text: "node does not take its options", Node: n.name(), Err: why})
	o.tell(mgmt.NotifyLog{Instance: o.cfg.Name, Msg: "cluster node " + string(n.name()) + " does not take its options", Node: n.name()})
	o.said(n)
}

// refusedOptions is why a node that runs has failed, in the result of a deployment.
func refusedOptions(why string) string { return "it runs, but does not take its options: " + why }

// remarks returns the texts about nodes that do not take their options.
func (o *options) remarks() []string {
	var texts []string
	for _, n := range o.rollout.nodes.all() {
		if _, why := o.outcome(n); why != "" {
			texts = append(texts, "cluster node "+string(n.name())+" does not take its options: "+why)
		}
	}
	return texts
}
