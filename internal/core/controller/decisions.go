package controller

import (
	"reflect"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// decision decides about one request, which is open. It answers the request, or
// starts something that will.
type decision func(*Machine, *request)

// decisions is the table that says who decides about each type of request. The
// rows stand beside the decisions.
type decisions map[reflect.Type]decision

func newDecisions() decisions {
	table := decisions{}
	table.addListings()
	table.addStaging()
	table.addDeployments()
	table.addQuestions()
	decide(table, func(*Machine, *request, mgmt.TestTimeoutRequest) {}) // only its deadline ends it
	return table
}

// decide has f decide about the requests of its type.
func decide[R mgmt.Request](table decisions, f func(*Machine, *request, R)) {
	table[reflect.TypeFor[R]()] = func(m *Machine, r *request) { f(m, r, r.Detail.msg.(R)) }
}
