package controller

import (
	"reflect"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// decision decides about one request, which is open. It answers the request, or
// starts something that will.
type decision func(*Machine, *request)

// decisions returns who decides about each type of request.
func decisions() map[reflect.Type]decision {
	table := map[reflect.Type]decision{}
	decide(table, func(m *Machine, r *request, msg mgmt.StageConfigurationRequest) { m.staging.stage(r, msg.Config) })
	decide(table, func(m *Machine, r *request, _ mgmt.DeployRequest) {
		m.deployments.deploy(r, mgmt.StagedDeployRequest{})
	})
	decide(table, func(m *Machine, r *request, msg mgmt.StagedDeployRequest) { m.deployments.deploy(r, msg) })
	decide(table, func(m *Machine, r *request, msg mgmt.GetConfigurationRequest) { m.getConfiguration(r, msg.Deployed) })
	decide(table, func(m *Machine, r *request, _ mgmt.GetInstancesRequest) { m.getInstances(r) })
	decide(table, func(m *Machine, r *request, _ mgmt.GetNodesRequest) { m.lists.getNodes(r) })
	decide(table, func(m *Machine, r *request, msg mgmt.GetIDValueRequest) { m.questions.getIDValue(r, msg) })
	decide(table, func(m *Machine, r *request, msg mgmt.RestartRequest) { m.questions.restart(r, msg) })
	decide(table, func(*Machine, *request, mgmt.TestTimeoutRequest) {}) // only its deadline ends it
	return table
}

// decide has f decide about the requests of its type.
func decide[R mgmt.Request](table map[reflect.Type]decision, f func(*Machine, *request, R)) {
	table[reflect.TypeFor[R]()] = func(m *Machine, r *request) { f(m, r, r.Detail.msg.(R)) }
}
