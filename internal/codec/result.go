package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// dataReader reads the data of a result. The type of the data depends on the message
// (spec management-api 2.5).
type dataReader reader[mgmt.Data]

func textData(d *decoder, v zval.Value, at step) mgmt.Data { return mgmt.Text(d.str(v, at)) }

func instancesData(d *decoder, v zval.Value, at step) mgmt.Data {
	return mgmt.Instances(vectorOf(d, v, at, readInstance))
}

func statusesData(d *decoder, v zval.Value, at step) mgmt.Data {
	return mgmt.NodeStatuses(vectorOf(d, v, at, readNodeStatus))
}

func configurationData(d *decoder, v zval.Value, at step) mgmt.Data {
	return readConfiguration(d, v, at)
}

func outputsData(d *decoder, v zval.Value, at step) mgmt.Data { return readNodeOutputs(d, v, at) }

// deployData reads the data of a deployment's results: the configuration's ID in the
// controller's own result, a node's output in the agents' results. An agent that is asked
// to prepare also returns a text.
func deployData(d *decoder, v zval.Value, at step) mgmt.Data {
	if v.Kind() == zval.KindString {
		return textData(d, v, at)
	}
	return outputsData(d, v, at)
}

// noData ignores data that nobody reads.
func noData(*decoder, zval.Value, step) mgmt.Data { return nil }

// readResult reads a result. data reads the result's data.
func readResult(d *decoder, v zval.Value, at step, data dataReader) mgmt.Result {
	f := d.enter(v, at)
	defer d.pop()
	return mgmt.Result{
		ReqID:    f.reqID(),
		Success:  f.boolOr("success", true),
		Instance: mgmt.InstanceName(f.strOr("instance", "")),
		Data:     readData(&f, data),
		Error:    f.strOr("error", ""),
		Node:     f.nodeNameOr("node", ""),
	}
}

// readData reads the data of a result. A mistake in the data does not fail the
// decoding: it becomes mgmt.BadData.
func readData(f *fields, read dataReader) mgmt.Data {
	v, at := f.optional("data")
	if v.IsNone() {
		return nil
	}
	d := f.d
	if d.err != nil {
		return nil
	}
	outer := d.base
	d.base = len(d.path)
	data := read(d, v, at)
	d.base = outer
	if d.err != nil {
		data = mgmt.BadData{Reason: d.err.Argument + ": " + d.err.Reason}
		d.err = nil
	}
	return data
}

func resultValue(r mgmt.Result) zval.Value {
	return zval.Vector(
		stringValue(r.ReqID), zval.Bool(r.Success), nameValue(r.Instance),
		dataValue(r.Data), nameValue(r.Error), nameValue(r.Node),
	)
}

func resultsValue(results []mgmt.Result) zval.Value { return vectorValue(results, resultValue) }

func dataValue(data mgmt.Data) zval.Value {
	switch data := data.(type) {
	case mgmt.Text:
		return stringValue(data)
	case mgmt.Instances:
		return vectorValue(data, instanceValue)
	case mgmt.NodeStatuses:
		return vectorValue(data, nodeStatusValue)
	case mgmt.Configuration:
		return configurationValue(data)
	case mgmt.NodeOutputs:
		return nodeOutputsValue(data)
	default: // unset, or BadData
		return zval.None()
	}
}
