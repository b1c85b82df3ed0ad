package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// A dataReader reads what a result carries; which type that is depends on the
// message (spec management-api 2.5).
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

// deployData reads the controller's own result, which carries the
// configuration's ID, as well as the agents'.
func deployData(d *decoder, v zval.Value, at step) mgmt.Data {
	if v.Kind() == zval.KindString {
		return textData(d, v, at)
	}
	return outputsData(d, v, at)
}

// noData passes over what nobody reads.
func noData(*decoder, zval.Value, step) mgmt.Data { return nil }

// readResult reads a result. data reads what the result carries.
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

// readData keeps mistakes in the data to the data.
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
