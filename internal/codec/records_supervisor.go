package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// The records of module Supervisor (spec management-api 2.4), each read and
// written side by side.

func readClusterEndpoint(d *decoder, v zval.Value, at step) mgmt.ClusterEndpoint {
	f := d.enter(v, at)
	defer d.pop()
	return mgmt.ClusterEndpoint{
		Role:        roles.decode(&f, "role"),
		Host:        f.addr("host"),
		Port:        f.port("p"),
		Interface:   f.optStr("interface"),
		PcapFile:    f.optStr("pcap_file"),
		MetricsPort: f.optPort("metrics_port"),
	}
}

func clusterEndpointValue(e mgmt.ClusterEndpoint) zval.Value {
	if e.Role == "" {
		e.Role = mgmt.ClusterNone
	}
	return zval.Vector(
		roles.encode(e.Role), addrValue(e.Host), portValue(e.Port),
		optStrValue(e.Interface), optStrValue(e.PcapFile), optPortValue(e.MetricsPort),
	)
}

func readSupervisorNode(d *decoder, v zval.Value, at step) mgmt.SupervisorNodeConfig {
	f := d.enter(v, at)
	defer d.pop()
	return mgmt.SupervisorNodeConfig{
		Name:            mgmt.NodeName(f.str("name")),
		Interface:       f.optStr("interface"),
		PcapFile:        f.optStr("pcap_file"),
		Directory:       f.optStr("directory"),
		StdoutFile:      f.optStr("stdout_file"),
		StderrFile:      f.optStr("stderr_file"),
		BareMode:        f.optBool("bare_mode"),
		AddlBaseScripts: vectorOr(&f, "addl_base_scripts", stringElem[string]),
		AddlUserScripts: vectorOr(&f, "addl_user_scripts", stringElem[string]),
		Env:             optTable[string](&f, "env", stringElem[string]),
		CPUAffinity:     f.optInt("cpu_affinity"),
		Cluster:         optTable[mgmt.NodeName](&f, "cluster", readClusterEndpoint),
	}
}

func supervisorNodeValue(n mgmt.SupervisorNodeConfig) zval.Value {
	return zval.Vector(
		stringValue(n.Name), optStrValue(n.Interface), optStrValue(n.PcapFile), optStrValue(n.Directory),
		optStrValue(n.StdoutFile), optStrValue(n.StderrFile), optBoolValue(n.BareMode),
		vectorValue(n.AddlBaseScripts, zval.String), vectorValue(n.AddlUserScripts, zval.String),
		tableValue(n.Env, zval.String), optIntValue(n.CPUAffinity), tableValue(n.Cluster, clusterEndpointValue),
	)
}

func readSupervisorNodeStatus(d *decoder, v zval.Value, at step) mgmt.SupervisorNodeStatus {
	f := d.enter(v, at)
	defer d.pop()
	return mgmt.SupervisorNodeStatus{Node: field(&f, "node", readSupervisorNode), PID: f.optInt("pid")}
}

func supervisorNodeStatusValue(s mgmt.SupervisorNodeStatus) zval.Value {
	return zval.Vector(supervisorNodeValue(s.Node), optIntValue(s.PID))
}

func readSupervisorStatus(d *decoder, v zval.Value, at step) mgmt.SupervisorStatus {
	f := d.enter(v, at)
	defer d.pop()
	return mgmt.SupervisorStatus{Nodes: table[mgmt.NodeName](&f, "nodes", readSupervisorNodeStatus)}
}

func supervisorStatusValue(s mgmt.SupervisorStatus) zval.Value {
	return zval.Vector(tableValue(s.Nodes, supervisorNodeStatusValue))
}
