package event

import (
	"zeekfleet/internal/mgmt"
	"zeekfleet/internal/zval"
)

// The records of module Supervisor (spec management-api 2.4), each read and
// written side by side.

func readClusterEndpoint(d *decoder, v zval.Value, at step) (e mgmt.ClusterEndpoint) {
	d.record(v, at, func(f *fields) {
		e = mgmt.ClusterEndpoint{
			Role:        roles.decode(f, "role"),
			Host:        f.addr("host"),
			Port:        f.port("p"),
			Interface:   f.optStr("interface"),
			PcapFile:    f.optStr("pcap_file"),
			MetricsPort: f.optPort("metrics_port"),
		}
	})
	return e
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

func readSupervisorNode(d *decoder, v zval.Value, at step) (n mgmt.SupervisorNodeConfig) {
	d.record(v, at, func(f *fields) {
		n = mgmt.SupervisorNodeConfig{
			Name:            mgmt.NodeName(f.str("name")),
			Interface:       f.optStr("interface"),
			PcapFile:        f.optStr("pcap_file"),
			Directory:       f.optStr("directory"),
			StdoutFile:      f.optStr("stdout_file"),
			StderrFile:      f.optStr("stderr_file"),
			BareMode:        f.optBool("bare_mode"),
			AddlBaseScripts: vectorOr(f, "addl_base_scripts", stringElem[string]),
			AddlUserScripts: vectorOr(f, "addl_user_scripts", stringElem[string]),
			Env:             optTable[string](f, "env", stringElem[string]),
			CPUAffinity:     f.optInt("cpu_affinity"),
			Cluster:         optTable[mgmt.NodeName](f, "cluster", readClusterEndpoint),
		}
	})
	return n
}

func supervisorNodeValue(n mgmt.SupervisorNodeConfig) zval.Value {
	return zval.Vector(
		stringValue(n.Name), optStrValue(n.Interface), optStrValue(n.PcapFile), optStrValue(n.Directory),
		optStrValue(n.StdoutFile), optStrValue(n.StderrFile), optBoolValue(n.BareMode),
		vectorValue(n.AddlBaseScripts, zval.String), vectorValue(n.AddlUserScripts, zval.String),
		tableValue(n.Env, zval.String), optIntValue(n.CPUAffinity), tableValue(n.Cluster, clusterEndpointValue),
	)
}

func readSupervisorNodeStatus(d *decoder, v zval.Value, at step) (s mgmt.SupervisorNodeStatus) {
	d.record(v, at, func(f *fields) {
		s = mgmt.SupervisorNodeStatus{Node: field(f, "node", readSupervisorNode), PID: f.optInt("pid")}
	})
	return s
}

func supervisorNodeStatusValue(s mgmt.SupervisorNodeStatus) zval.Value {
	return zval.Vector(supervisorNodeValue(s.Node), optIntValue(s.PID))
}

func readSupervisorStatus(d *decoder, v zval.Value, at step) (s mgmt.SupervisorStatus) {
	d.record(v, at, func(f *fields) {
		s.Nodes = table[mgmt.NodeName](f, "nodes", readSupervisorNodeStatus)
	})
	return s
}

func supervisorStatusValue(s mgmt.SupervisorStatus) zval.Value {
	return zval.Vector(tableValue(s.Nodes, supervisorNodeStatusValue))
}
