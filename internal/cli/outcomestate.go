package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
)

// GetInstancesOutcome returns the outcome of get-instances (spec zeek-client
// 9.5). Unlike zeek-client, it fails if the answer has data of another type.
func GetInstancesOutcome(r client.Result) Outcome {
	var o Outcome
	if !r.Success {
		o.fail("%s", cmp.Or(r.Error, noReason))
		return o
	}
	found := document{}
	switch data := r.Data.(type) {
	case client.Instances:
		for _, in := range data {
			found[string(in.Name)] = address(in)
		}
	case nil:
		o.fail("received result did not contain instance data")
		return o
	default:
		o.fail("instance data invalid: %s", dataProblem(data))
	}
	o.Document = found
	o.Page = func() show.Page {
		list, _ := r.Data.(client.Instances)
		return instancesPage(list)
	}
	return o
}

// address returns what the answer tells of the address of an instance: host and
// port, the host alone, or nothing.
func address(in client.Instance) document {
	d := document{}
	if in.ListenPort != nil {
		d["port"] = int(in.ListenPort.Number)
	}
	if in.ListenPort != nil || in.Host != client.UnknownHost {
		d["host"] = in.Host.String()
	}
	return d
}

// GetNodesOutcome returns the outcome of get-nodes (spec zeek-client 9.6). Unlike
// zeek-client, it fails if the answer has data of another type.
func GetNodesOutcome(results []client.Result) Outcome {
	var o Outcome
	instances, errors := document{}, []any{}
	for _, r := range ordered(results) {
		source := string(r.Instance)
		if !r.Success {
			errors = append(errors, failed(r))
			continue
		}
		switch data := r.Data.(type) {
		case client.NodeStatuses:
			instances[source] = statuses(data)
			o.noteCrashes(r)
		case nil:
			errors = append(errors, sourced(source, "result does not contain node status data"))
		default:
			instances[source] = document{}
			errors = append(errors, sourced(source, "NodeStatus data invalid: "+dataProblem(data)))
		}
	}
	o.Document, o.Status = wrapped(instances, errors), failedIf(errors)
	o.Page = func() show.Page { return nodesPage(results, errors) }
	return o
}

// noteCrashes adds a warning for each node of an instance that ended by itself.
// The document has no place for that. Our agents put one line for each such node
// into the error text of a successful result.
func (o *Outcome) noteCrashes(r client.Result) {
	for line := range strings.Lines(r.Error) {
		o.Warnings = append(o.Warnings, fmt.Sprintf("instance %s: %s", r.Instance, strings.TrimSpace(line)))
	}
}

func statuses(list []client.NodeStatus) document {
	nodes := document{}
	for _, s := range list {
		d := document{"state": string(s.State), "mgmt_role": nil, "cluster_role": nil}
		if s.MgmtRole != client.RoleNone {
			d["mgmt_role"] = string(s.MgmtRole)
		}
		if s.ClusterRole != client.ClusterNone {
			d["cluster_role"] = string(s.ClusterRole)
		}
		if s.PID != nil {
			d["pid"] = *s.PID
		}
		if s.Port != nil {
			d["port"] = int(s.Port.Number)
		}
		if s.MetricsPort != nil {
			d["metrics_port"] = int(s.MetricsPort.Number)
		}
		nodes[string(s.Node)] = d
	}
	return nodes
}

// GetConfigOutcome returns the outcome of get-config (spec zeek-client 9.8): the
// configuration as JSON, or as text in the form that clusterfile.Parse reads.
func GetConfigOutcome(r client.Result, asJSON bool) Outcome {
	var o Outcome
	if !r.Success {
		o.fail("%s", cmp.Or(r.Error, noReason))
		return o
	}
	switch data := r.Data.(type) {
	case client.Configuration:
		if asJSON {
			o.Document = configJSON(data)
		} else {
			o.Document = plainText(clusterfile.Text(fromClient(data)))
		}
	case nil:
		o.fail("received result did not contain configuration data")
	default:
		o.fail("configuration data invalid: %s", dataProblem(data))
	}
	return o
}
