package agent

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/ledger"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// requests are the requests of controllers. Each gets exactly one answer.
type requests struct {
	*turn
	inFlight *ledger.Ledger[mgmt.NodeName, detail]
	legs     ledger.Legs[*request] // the dispatches, by the IDs that the nodes get
	late     *unfinishedDeployment // nil: every deployment was finished when it was answered
}

// request is a request that was not answered yet.
type request = ledger.Request[mgmt.NodeName, detail]

// detail is what the agent keeps with a request.
type detail struct {
	msg mgmt.Request
	traits
	fleet bool   // the asker is a controller of this program
	term  uint64 // of the asker; zero: it has none

	// ask is the request that a dispatch sends to nodes. unasked are the awaited nodes
	// that get it as soon as they are connected.
	ask     mgmt.NodeDispatchRequest
	unasked map[mgmt.NodeName]bool

	// answer says, with a preparation, when the deployment that follows must be
	// answered. patience says, with a prepared deployment, how long that is.
	answer   time.Time
	patience time.Duration
	fetch    fetchTimes
}

func newRequests(t *turn) *requests {
	return &requests{turn: t, inFlight: ledger.New[mgmt.NodeName, detail](ledger.Limits{Requests: t.cfg.MaxRequests})}
}

// patience returns how long the answer to a deployment or a restart may take. ours is
// how long a controller of this program waits for it.
func (rs *requests) patience(r *request, ours time.Duration) time.Duration {
	switch {
	case r.Detail.patience > 0:
		return r.Detail.patience
	case r.Detail.fleet:
		return ours
	}
	return min(ours, rs.cfg.UpstreamTimeout)
}

// open adds r to the requests in flight.
func (rs *requests) open(r *request, timeout time.Duration) {
	r.Deadline = rs.now.Add(timeout)
	rs.inFlight.Open(r)
}

// result completes a result of r about a node, or about none.
func (rs *requests) result(r *request, n mgmt.NodeName, res mgmt.Result) mgmt.Result {
	res.ReqID, res.Instance, res.Node = r.ID, rs.cfg.Name, n
	return res
}

// settle records the result of a node. r no longer waits for that node.
func (rs *requests) settle(r *request, n mgmt.NodeName, res mgmt.Result) {
	r.Settle(n, rs.result(r, n, res))
	delete(r.Detail.unasked, n)
}

// closeIfSettled answers r if it waits for no node.
func (rs *requests) closeIfSettled(r *request) {
	if r.Settled() {
		rs.close(r)
	}
}

// close answers r with its results, sorted by node, and forgets r.
func (rs *requests) close(r *request) {
	if !rs.inFlight.Close(r) {
		return // answered already
	}
	rs.legs.Close(r.Detail.ask.ReqID)
	if len(r.Results) == 0 && r.Detail.answersEmpty {
		r.Results = []mgmt.Result{rs.result(r, "", mgmt.Result{Success: true})} // (spec management-api 7.2, G-A2)
	}
	sort.SliceStable(r.Results, func(i, j int) bool {
		return r.Results[i].Node < r.Results[j].Node
	})
	rs.respond(r, r.Results...)
}

// closeWith answers r with one result for the whole request.
func (rs *requests) closeWith(r *request, res mgmt.Result) {
	r.Results = []mgmt.Result{rs.result(r, "", res)}
	rs.close(r)
}

// fail answers r with one failure for the whole request.
func (rs *requests) fail(r *request, why string) { rs.closeWith(r, mgmt.Result{Error: why}) }

// failAll fails all requests in flight.
func (rs *requests) failAll(why string) {
	for _, r := range rs.inFlight.All() {
		rs.fail(r, why)
	}
}

// refuse answers a request with a failure. The request was not opened.
func (rs *requests) refuse(r *request, why string) {
	rs.emit(Note{Level: Warn, Text: "request refused", Peer: r.Asker, ReqID: r.ID, Err: why})
	rs.reply(r, mgmt.Result{Error: why})
}

// reply answers a request with one result for the whole request. The request was not
// opened.
func (rs *requests) reply(r *request, res mgmt.Result) {
	if res.Data == nil {
		res.Data = r.Detail.noData
	}
	rs.respond(r, rs.result(r, "", res))
}

func (rs *requests) respond(r *request, results ...mgmt.Result) {
	rs.emit(ToController{Peer: r.Asker, Msg: r.Detail.msg.Answer(r.ID, results...)})
}

// awaiting returns the requests that wait for n in this way, oldest first.
func (rs *requests) awaiting(n *node, w waits) []*request {
	return slices.DeleteFunc(rs.inFlight.Awaiting(n.name()), func(r *request) bool { return r.Detail.waits != w })
}

// up tells requests that n is up. owes says that it has not said yet whether it takes its
// options, and why says why it does not take them.
func (rs *requests) up(n *node, owes bool, why string) {
	for _, r := range rs.awaiting(n, untilUp) {
		rs.upFor(r, n, owes, why)
		rs.closeIfSettled(r)
	}
	switch {
	case owes:
	case why != "":
		rs.settleLate(n, refusedOptions(why))
	default:
		rs.settleLate(n, "")
	}
}

// upFor is up for one request. Only deployments wait for options.
func (rs *requests) upFor(r *request, n *node, owes bool, why string) {
	switch {
	case r.Detail.deploys && owes:
		r.Await(n.name())
	case r.Detail.deploys && why != "":
		rs.settle(r, n.name(), r.Detail.failure(n.name(), refusedOptions(why), mgmt.NodeOutputs{}))
	default:
		rs.settle(r, n.name(), mgmt.Result{Success: true})
	}
}

// awaitAgain has deployments wait for n that have taken it for done: it has said just now that
// it can be told of options, and nobody knows which it has.
func (rs *requests) awaitAgain(n *node) {
	for _, r := range rs.inFlight.All() {
		before := len(r.Results)
		if r.Detail.deploys {
			r.Results = slices.DeleteFunc(r.Results, func(res mgmt.Result) bool { return res.Node == n.name() && res.Success && res.Error == "" })
		}
		if len(r.Results) < before {
			r.Await(n.name())
		}
	}
}

// failed tells requests that n did not come up.
func (rs *requests) failed(n *node, why string, outputs mgmt.NodeOutputs) {
	for _, r := range rs.awaiting(n, untilUp) {
		rs.settle(r, n.name(), r.Detail.failure(n.name(), why, rs.cut(outputs)))
		rs.closeIfSettled(r)
	}
	rs.settleLate(n, why)
}

// rested tells requests that n, which a user has stopped, has ended or is about to.
func (rs *requests) rested(n *node) {
	for _, r := range rs.awaiting(n, untilUp) {
		rs.settle(r, n.name(), mgmt.Result{Success: true, Error: restsText})
		rs.closeIfSettled(r)
	}
	rs.settleLate(n, "")
}

// removed tells deployments that a node which they have removed has no process any
// more.
func (rs *requests) removed(n *node) {
	for _, r := range rs.awaiting(n, untilUp) {
		r.Settle(n.name())
		rs.closeIfSettled(r)
	}
	rs.settleLate(n, "")
}

// silent tells dispatches that n will not answer.
func (rs *requests) silent(n *node, why string) {
	for _, r := range rs.awaiting(n, untilAnswered) {
		rs.settle(r, n.name(), mgmt.Result{Error: why})
		rs.closeIfSettled(r)
	}
}

// expire answers a request whose deadline has come. nodes are those for which r still
// waits: the answer names them. why is the error if the whole request fails.
func (rs *requests) expire(r *request, nodes []*node, why string) {
	rs.emit(Note{Level: Warn, Text: "request timed out", Peer: r.Asker, ReqID: r.ID})
	if r.Detail.deploys {
		rs.keepUnfinished(r)
	}
	if r.Settled() || r.Detail.waits == untilEnded {
		rs.fail(r, why)
		return
	}
	for _, n := range nodes {
		rs.settle(r, n.name(), lateResult(r, n))
	}
	rs.close(r)
}

// lateResult returns the result for a node for which r waits at its deadline.
func lateResult(r *request, n *node) mgmt.Result {
	switch {
	case r.Detail.waits == untilUp:
		return r.Detail.failure(n.name(), n.whyNotUp(), mgmt.NodeOutputs{})
	case r.Detail.unasked[n.name()]:
		return mgmt.Result{Error: "cluster node " + string(n.name()) + " is not connected"}
	}
	return mgmt.Result{Error: "request timed out"}
}

// lateText returns the error of a request that fails as a whole at its deadline.
func lateText(r *request) string {
	if r.Settled() {
		return "request timed out"
	}
	var names []string
	for _, n := range r.Awaited() {
		names = append(names, string(n))
	}
	return "cluster nodes still stopping: " + strings.Join(names, ", ")
}

// cut returns the last lines of outputs within the limits.
func (rs *requests) cut(o mgmt.NodeOutputs) mgmt.NodeOutputs {
	return mgmt.NodeOutputs{Stdout: rs.tail(o.Stdout), Stderr: rs.tail(o.Stderr)}
}

// tail returns the last lines of s within the limits.
func (rs *requests) tail(s string) string {
	s = strings.TrimRight(s, "\n")
	cut := max(0, len(s)-rs.cfg.OutputBytes)
	return mgmt.LastLines(s[cut:], rs.cfg.OutputLines, cut > 0)
}

// failedDeployment returns the result for a node that a deployment could not start,
// with the last lines that the node printed.
func failedDeployment(_ mgmt.NodeName, why string, outputs mgmt.NodeOutputs) mgmt.Result {
	res := mgmt.Result{Error: why}
	if outputs != (mgmt.NodeOutputs{}) {
		res.Data = outputs
	}
	return res
}

// failedRestart returns the result for a node that could not be restarted. The answer
// to a restart has no field for outputs. So the error has a line of them.
func failedRestart(n mgmt.NodeName, why string, outputs mgmt.NodeOutputs) mgmt.Result {
	return mgmt.Result{Error: fmt.Sprintf("could not restart node %s: %s", n, withWords(why, outputs))}
}
