package codec_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestResultDataFollowsTheMessage(t *testing.T) {
	instances := vec(vec(str("i"), host))
	outputs := vec(str("out"), str("err"))
	statuses := vec(vec(str("n"), running))
	wantInstances := mgmt.Instances{{Name: "i", Host: netip.MustParseAddr("10.0.0.1")}}
	wantStatuses := mgmt.NodeStatuses{{Node: "n", State: mgmt.Running, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.ClusterNone}}
	many := func(data zval.Value) zval.Value { return vec(vec(str("r"), zval.Bool(true), none, data)) }
	one := func(data zval.Value) zval.Value { return vec(str("r"), zval.Bool(true), none, data) }
	tests := map[string]struct {
		v    zval.Value
		want mgmt.Data
	}{
		"instances":                {send(controllerAPI+"get_instances_response", str("r"), one(instances)), wantInstances},
		"no instances":             {send(controllerAPI+"get_instances_response", str("r"), one(vec())), mgmt.Instances(nil)},
		"a staged ID":              {send(controllerAPI+"stage_configuration_response", str("r"), many(str("id"))), mgmt.Text("id")},
		"a configuration":          {send(controllerAPI+"get_configuration_response", str("r"), one(vec(str("id"), zval.Set(), zval.Set()))), mgmt.Configuration{ID: "id"}},
		"a deployed ID":            {send(controllerAPI+"deploy_response", str("r"), many(str("id"))), mgmt.Text("id")},
		"a deployed node's output": {send(controllerAPI+"deploy_response", str("r"), many(outputs)), mgmt.NodeOutputs{Stdout: "out", Stderr: "err"}},
		"an agent's node's output": {send(agentAPI+"deploy_response", str("r"), many(outputs)), mgmt.NodeOutputs{Stdout: "out", Stderr: "err"}},
		"statuses":                 {send(controllerAPI+"get_nodes_response", str("r"), many(statuses)), wantStatuses},
		"a value's JSON":           {send(controllerAPI+"get_id_value_response", str("r"), many(str("96"))), mgmt.Text("96")},
		"a dispatch's JSON":        {send(agentAPI+"node_dispatch_response", str("r"), many(str("96"))), mgmt.Text("96")},
		"what nobody reads":        {send(agentAPI+"restart_response", str("r"), many(zval.Count(1))), nil},
		"unset":                    {send(agentAPI+"node_dispatch_response", str("r"), many(none)), nil},

		"a number for JSON":      {send(agentAPI+"node_dispatch_response", str("r"), many(zval.Count(1))), mgmt.BadData{Reason: "data: got count, want string"}},
		"a string for instances": {send(controllerAPI+"get_instances_response", str("r"), one(str("x"))), mgmt.BadData{Reason: "data: got string, want vector"}},
		"an ID from an agent":    {send(agentAPI+"deploy_response", str("r"), many(str("x"))), mgmt.BadData{Reason: "data: got string, want vector"}},
		"a status with a mistake": {
			send(agentAPI+"get_nodes_response", str("r"), one(vec(vec(str("n"), running), vec(str("m"), worker)))),
			mgmt.BadData{Reason: `data[1].state: unknown enumerator "Supervisor::WORKER"`},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := codec.Decode(tt.v)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, dataOf(t, m), sameAddrs); diff != "" {
				t.Errorf("data (-want +got):\n%s", diff)
			}
		})
	}
}

func dataOf(t *testing.T, m mgmt.Message) mgmt.Data {
	t.Helper()
	if resp, ok := m.(mgmt.Response); ok {
		return resp.Outcomes()[0].Data
	}
	t.Fatalf("no result in %T", m)
	return nil
}
