package controller

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// asking asks agents on behalf of a client's request.
type asking struct{ parts }

// ask begins a leg. r waits for its outcome.
func (q asking) ask(r *request, a *agent, by asker) *leg {
	l := q.legs.begin(a, by)
	l.request = r
	r.Await(a.name)
	if r.Detail.legs == nil {
		r.Detail.legs = map[mgmt.InstanceName]*leg{}
	}
	r.Detail.legs[a.name] = l
	return l
}

// settle adds the outcome of a leg to its request, and answers the request if
// this was the last outcome.
func (q asking) settle(l *leg, results ...mgmt.Result) {
	delete(l.request.Detail.legs, l.agent.name)
	l.request.Settle(l.agent.name, results...)
	q.requests.replyIfSettled(l.request)
}
