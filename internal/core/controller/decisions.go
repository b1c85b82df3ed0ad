package controller

import (
	"reflect"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// decision decides about one open request. It answers the request, or starts
// something that answers it later.
type decision func(*Machine, *request)

// decisions is the table with the decision about each type of request. Each row is
// in the file of its decision.
type decisions map[reflect.Type]decision

func newDecisions() decisions {
	table := decisions{}
	table.addListings()
	table.addStaging()
	table.addDeployments()
	table.addPlans()
	table.addQuestions()
	table.addDispatches()
	table.addOperating()
	decide(table, func(*Machine, *request, mgmt.TestTimeoutRequest) {}) // only its deadline ends it
	return table
}

// decide adds the row of one type of request: f decides about it.
func decide[R mgmt.Request](table decisions, f func(*Machine, *request, R)) {
	table[reflect.TypeFor[R]()] = func(m *Machine, r *request) { f(m, r, r.Detail.msg.(R)) }
}
