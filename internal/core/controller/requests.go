package controller

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

const errTimedOut = "request timed out"

// requestKey tells requests in flight apart: two clients may use one ID (spec
// management-api 7.1, G-P2), and an empty one is like any other (G-P3).
type requestKey struct {
	client mgmt.PeerID
	id     mgmt.ReqID
}

// request is a client's request that is not answered yet.
type request struct {
	requestKey
	msg      mgmt.Message
	deadline time.Time
	results  []mgmt.Result
	open     []*call // what is awaited, in the order asked
	// deployment is what a deploy request started; it ends the request, which
	// then has neither deadline nor calls of its own.
	deployment *deployment
}

// fromClient takes requests alone: responses, and events that are not for
// clients to send, go unheard (spec management-api 7.1, G-P4).
func (m *Machine) fromClient(ev FromClient) {
	id, ok := requestID(ev.Msg)
	if !ok {
		return
	}
	r := &request{requestKey: requestKey{ev.Client, id}, msg: ev.Msg, deadline: m.now.Add(m.cfg.timeout(ev.Msg))}
	if refusal := m.admit(r); refusal != "" {
		m.note(Note{Level: Warn, Text: "request refused", Peer: r.client, Err: refusal})
		m.refuse(r, refusal)
		return
	}
	switch msg := ev.Msg.(type) {
	case mgmt.StageConfigurationRequest:
		m.stage(r, msg.Config)
	case mgmt.DeployRequest:
		m.deploy(r, mgmt.StagedDeployRequest{})
	case mgmt.StagedDeployRequest:
		m.deploy(r, msg)
	case mgmt.GetConfigurationRequest:
		m.getConfiguration(r, msg.Deployed)
	case mgmt.GetInstancesRequest:
		m.getInstances(r)
	case mgmt.GetNodesRequest:
		m.getNodes(r)
	case mgmt.GetIDValueRequest:
		m.getIDValue(r, msg)
	case mgmt.RestartRequest:
		m.restart(r, msg)
	case mgmt.TestTimeoutRequest:
		m.requests[r.requestKey] = r // only its deadline ends it
	}
}

// requestID returns the ID of a message that is to be answered, and false for
// all others.
func requestID(msg mgmt.Message) (mgmt.ReqID, bool) {
	switch msg := msg.(type) {
	case mgmt.StageConfigurationRequest:
		return msg.ReqID, true
	case mgmt.DeployRequest:
		return msg.ReqID, true
	case mgmt.StagedDeployRequest:
		return msg.ReqID, true
	case mgmt.GetConfigurationRequest:
		return msg.ReqID, true
	case mgmt.GetInstancesRequest:
		return msg.ReqID, true
	case mgmt.GetNodesRequest:
		return msg.ReqID, true
	case mgmt.GetIDValueRequest:
		return msg.ReqID, true
	case mgmt.RestartRequest:
		return msg.ReqID, true
	case mgmt.TestTimeoutRequest:
		return msg.ReqID, msg.WithState // without, there is never an answer (spec management-api 6.16)
	}
	return "", false
}

// response returns the response that belongs to a request. Those that carry one
// result get the first.
func response(req mgmt.Message, id mgmt.ReqID, results []mgmt.Result) mgmt.Message {
	switch req.(type) {
	case mgmt.StageConfigurationRequest:
		return mgmt.StageConfigurationResponse{ReqID: id, Results: results}
	case mgmt.DeployRequest, mgmt.StagedDeployRequest:
		return mgmt.DeployResponse{ReqID: id, Results: results}
	case mgmt.GetConfigurationRequest:
		return mgmt.GetConfigurationResponse{ReqID: id, Result: results[0]}
	case mgmt.GetInstancesRequest:
		return mgmt.GetInstancesResponse{ReqID: id, Result: results[0]}
	case mgmt.GetNodesRequest:
		return mgmt.GetNodesResponse{ReqID: id, Results: results}
	case mgmt.GetIDValueRequest:
		return mgmt.GetIDValueResponse{ReqID: id, Results: results}
	case mgmt.RestartRequest:
		return mgmt.RestartResponse{ReqID: id, Results: results}
	case mgmt.TestTimeoutRequest:
		return mgmt.TestTimeoutResponse{ReqID: id, Result: results[0]}
	}
	panic(fmt.Sprintf("controller: %T is not a request", req))
}

// admit returns why r cannot be served now, and the empty string if it can.
func (m *Machine) admit(r *request) string {
	limits := m.cfg.Limits
	if len(r.id) > limits.ReqIDBytes {
		return fmt.Sprintf("request ID is longer than %d bytes", limits.ReqIDBytes)
	}
	if m.requests[r.requestKey] != nil {
		return fmt.Sprintf("earlier request '%s' still pending", r.id)
	}
	own, clients := m.pending(r.client)
	if own >= limits.ClientRequests {
		return fmt.Sprintf("more than %d requests of this client pending", limits.ClientRequests)
	}
	if len(m.requests) >= limits.Requests && own >= max(1, limits.Requests/clients) {
		return fmt.Sprintf("more than %d requests pending", limits.Requests)
	}
	return ""
}

// pending counts the requests in flight of one client, and the clients that have
// any.
func (m *Machine) pending(client mgmt.PeerID) (own, clients int) {
	of := map[mgmt.PeerID]int{}
	for key := range m.requests {
		of[key.client]++
	}
	return of[client], len(of)
}

// reply answers r with its results and forgets it.
func (m *Machine) reply(r *request, results ...mgmt.Result) {
	if m.requests[r.requestKey] == r {
		delete(m.requests, r.requestKey)
	}
	for i := range results {
		results[i].ReqID = r.id // of the agent's leg until now (spec management-api 7.1, G-P5)
	}
	m.emit(Reply{r.client, response(r.msg, r.id, results)})
}

// refuse answers r with one failure.
func (m *Machine) refuse(r *request, err string) { m.reply(r, mgmt.Result{Error: err}) }

// capped returns the results that fit into one response.
func (m *Machine) capped(results []mgmt.Result) []mgmt.Result {
	most := m.cfg.Limits.Results
	if len(results) <= most {
		return results
	}
	return append(results[:most-1:most-1], mgmt.Result{Error: fmt.Sprintf("more than %d results", most)})
}

// expireRequests answers the requests whose deadline has come. A deployment has
// its own.
func (m *Machine) expireRequests() {
	var due []*request
	for r := range maps.Values(m.requests) {
		if r.deployment == nil && !m.now.Before(r.deadline) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(r, s *request) int {
		return cmp.Or(r.deadline.Compare(s.deadline), cmp.Compare(r.client, s.client), cmp.Compare(r.id, s.id))
	})
	for _, r := range due {
		m.note(Note{Level: Warn, Text: "request timed out", Peer: r.client, ReqID: r.id})
		if _, ok := r.msg.(mgmt.TestTimeoutRequest); ok {
			m.refuse(r, errTimedOut)
			continue
		}
		for _, c := range slices.Clone(r.open) {
			m.failed(c, errTimedOut) // the last one answers
		}
	}
}

// clientGone forgets what the client wanted to know; what it wanted done goes
// on.
func (m *Machine) clientGone(client mgmt.PeerID) {
	delete(m.stagedBy, client)
	for key, r := range m.requests {
		if key.client != client {
			continue
		}
		delete(m.requests, key)
		if r.deployment != nil {
			r.deployment.request = nil
		}
		for _, c := range r.open {
			delete(m.calls, c.id)
		}
	}
}
