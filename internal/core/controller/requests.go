package controller

import (
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/ledger"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

const errTimedOut = "request timed out"

// request is a client's request that is not answered yet. It waits for instances.
type request = ledger.Request[mgmt.InstanceName, detail]

type detail struct {
	msg       mgmt.Request
	principal mgmt.Principal
	// legs are the questions to the instances that the request waits for.
	legs map[mgmt.InstanceName]*leg
	// deployment is the deployment that a deploy request started. The deployment
	// answers the request, which then has neither a deadline nor legs.
	deployment *deployment
	// plan is the answer in the making, if r asks for a plan.
	plan *fleetPlan
	// operation is the operation that the request has begun. Its end is in the audit, not
	// that of the request.
	operation *operation
	// task is the restart that a client waits for.
	task *task
}

// requests holds the clients' requests in flight.
type requests struct {
	*turn
	cfg    *Config
	ledger *ledger.Ledger[mgmt.InstanceName, detail]
}

func newRequests(t *turn, cfg *Config) *requests {
	return &requests{turn: t, cfg: cfg, ledger: ledger.New[mgmt.InstanceName, detail](ledger.Limits{
		Requests: cfg.Limits.Requests, PerAsker: cfg.Limits.ClientRequests, Shared: true, IDBytes: cfg.Limits.ReqIDBytes,
	})}
}

// take makes a request of msg and opens it. If the principal may not make it, or if
// it exceeds a limit, take refuses it and returns nil.
func (rs *requests) take(ev FromClient, msg mgmt.Request) *request {
	r := &request{
		Key:    ledger.Key{Asker: ev.Client, ID: msg.RequestID()},
		Detail: detail{msg: msg, principal: ev.Principal},
	}
	kind := mgmt.KindOf(msg)
	if timeout := rs.cfg.timeout(kind.Deadline); timeout > 0 {
		r.Deadline = rs.now.Add(timeout)
	}
	refusal, forbidden := rs.overLimit(r.Key), ev.Principal.Role < kind.May
	if forbidden {
		refusal = access.Denied(ev.Principal, kind.Name(), kind.May)
	}
	if refusal != "" {
		rs.note(Note{Level: Warn, Text: "request refused", Peer: r.Asker, Err: refusal})
		if forbidden || changes(msg) {
			rs.audit(r.Detail, mgmt.AuditRecord{Outcome: mgmt.AuditRefused, Reason: refusal})
		}
		rs.answer(r, mgmt.Result{Error: refusal})
		return nil
	}
	rs.ledger.Open(r)
	return r
}

// overLimit returns the limit that forbids one more request with this key. It
// returns the empty string if no limit does.
func (rs *requests) overLimit(key ledger.Key) string {
	limits := rs.cfg.Limits
	switch rs.ledger.Judge(key) {
	case ledger.LongID:
		return fmt.Sprintf("request ID is longer than %d bytes", limits.ReqIDBytes)
	case ledger.IDInUse:
		return fmt.Sprintf("earlier request '%s' still pending", key.ID)
	case ledger.AskerFull:
		return fmt.Sprintf("more than %d requests of this client pending", limits.ClientRequests)
	case ledger.Full:
		return fmt.Sprintf("more than %d requests pending", limits.Requests)
	}
	return ""
}

// reply answers r with its results and forgets it. If r is to change something, the
// audit gets its end before. Of a request that has begun an operation it gets the end of
// the operation.
func (rs *requests) reply(r *request, results ...mgmt.Result) {
	if r.Detail.operation == nil {
		rs.auditEnd(r.Detail, results)
	}
	rs.answer(r, results...)
}

func (rs *requests) answer(r *request, results ...mgmt.Result) {
	rs.ledger.Close(r)
	for i := range results {
		results[i].ReqID = r.ID // of the agent's leg until now (spec management-api 7.1, G-P5)
	}
	rs.emit(Reply{r.Asker, r.Detail.msg.Answer(r.ID, results...)})
}

// answerOperation answers r with the operation that has begun. The audit gets the end of
// the operation later.
func (rs *requests) answerOperation(r *request, op *operation) {
	rs.ledger.Close(r)
	rs.emit(Reply{r.Asker, mgmt.OperationResponse{ReqID: r.ID, Result: mgmt.Result{ReqID: r.ID, Success: true}, Operation: op.view()}})
}

// refuse answers r with one failure.
func (rs *requests) refuse(r *request, err string) { rs.reply(r, mgmt.Result{Error: err}) }

// replyIfSettled answers r with its results if it waits for nothing.
func (rs *requests) replyIfSettled(r *request) {
	if r.Settled() {
		rs.reply(r, rs.capped(r.Results)...)
	}
}

// capped returns the results that fit into one response.
func (rs *requests) capped(results []mgmt.Result) []mgmt.Result {
	most := rs.cfg.Limits.Results
	if len(results) <= most {
		return results
	}
	return append(slices.Clip(results[:most-1]), mgmt.Result{Error: fmt.Sprintf("more than %d results", most)})
}

// next returns the earliest deadline. It returns false if there is none.
func (rs *requests) next() (time.Time, bool) { return rs.ledger.Next() }
