package controller

import (
	"reflect"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// errDeposed is the answer to every request once another controller has changed
// the stored state.
const errDeposed = "another controller has changed the stored state: this controller leads no longer, and does nothing more"

// depose ends everything. Requests in flight are refused. From then on the
// Machine answers each request with a refusal, and does nothing else.
func (m *Machine) depose() {
	m.deposed = true
	m.memory.saving = nil
	m.note(Note{Level: Error, Text: "another controller has changed the stored state"})
	for _, o := range m.operations.unfinished() {
		o.audit(mgmt.AuditInterrupted, errDeposed)
	}
	m.operating.tasks = nil
	for _, r := range m.requests.ledger.All() {
		m.requests.refuse(r, errDeposed)
	}
	m.legs.forget()
}

// refuseRequest refuses ev if it is a request.
func (m *Machine) refuseRequest(ev Event) {
	from, ok := ev.(FromClient)
	if !ok {
		return
	}
	if msg, ok := mgmt.AsRequest(from.Msg); ok && m.decisions[reflect.TypeOf(msg)] != nil {
		m.requests.auditEnd(detail{msg: msg, principal: from.Principal}, []mgmt.Result{{Error: errDeposed}})
		m.emit(Reply{from.Client, msg.Answer(msg.RequestID(), mgmt.Result{ReqID: msg.RequestID(), Error: errDeposed})})
	}
}
