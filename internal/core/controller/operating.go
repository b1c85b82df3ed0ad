package controller

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// addOperations adds the requests that begin operations.
func (table decisions) addOperations() {
	decide(table, func(m *Machine, r *request, _ mgmt.DispatchRequest) {
		m.requests.refuse(r, "dispatches are not known yet")
	})
}
