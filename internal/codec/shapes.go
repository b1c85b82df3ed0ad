package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Most events have one of a few shapes, which the functions here register. A
// type parameter's core type says what the message consists of.

// idOnly is reqid.
func idOnly[M interface {
	~struct{ ReqID mgmt.ReqID }
	mgmt.Message
}](r *Registry, name string) {
	type shape = struct{ ReqID mgmt.ReqID }
	register(r, name,
		func(f *fields) M { return M(shape{readReqID(f)}) },
		func(m M) []zval.Value { return []zval.Value{stringValue(shape(m).ReqID)} })
}

// withResult is reqid, result; the result carries data.
func withResult[M interface {
	~struct {
		ReqID  mgmt.ReqID
		Result mgmt.Result
	}
	mgmt.Message
}](r *Registry, name string, data dataReader) {
	type shape = struct {
		ReqID  mgmt.ReqID
		Result mgmt.Result
	}
	read := resultOf(data)
	register(r, name,
		func(f *fields) M { return M(shape{readReqID(f), field(f, "result", read)}) },
		func(m M) []zval.Value {
			return []zval.Value{stringValue(shape(m).ReqID), resultValue(shape(m).Result)}
		})
}

// withResults is reqid, results; each result carries data.
func withResults[M interface {
	~struct {
		ReqID   mgmt.ReqID
		Results []mgmt.Result
	}
	mgmt.Message
}](r *Registry, name string, data dataReader) {
	type shape = struct {
		ReqID   mgmt.ReqID
		Results []mgmt.Result
	}
	read := resultOf(data)
	register(r, name,
		func(f *fields) M { return M(shape{readReqID(f), vector(f, "results", read)}) },
		func(m M) []zval.Value {
			return []zval.Value{stringValue(shape(m).ReqID), vectorValue(shape(m).Results, resultValue)}
		})
}

// withNodes is reqid, nodes, which may be missing.
func withNodes[M interface {
	~struct {
		ReqID mgmt.ReqID
		Nodes []mgmt.NodeName
	}
	mgmt.Message
}](r *Registry, name string) {
	type shape = struct {
		ReqID mgmt.ReqID
		Nodes []mgmt.NodeName
	}
	register(r, name,
		func(f *fields) M { return M(shape{readReqID(f), readNames[mgmt.NodeName](f, "nodes")}) },
		func(m M) []zval.Value {
			return []zval.Value{stringValue(shape(m).ReqID), setValue(shape(m).Nodes, stringValue)}
		})
}

// dispatch is reqid, action, nodes; nodes may be missing.
func dispatch[M interface {
	~struct {
		ReqID  mgmt.ReqID
		Action []string
		Nodes  []mgmt.NodeName
	}
	mgmt.Message
}](r *Registry, name string) {
	type shape = struct {
		ReqID  mgmt.ReqID
		Action []string
		Nodes  []mgmt.NodeName
	}
	register(r, name,
		func(f *fields) M {
			return M(shape{readReqID(f), vector(f, "action", stringElem[string]), readNames[mgmt.NodeName](f, "nodes")})
		},
		func(m M) []zval.Value {
			return []zval.Value{
				stringValue(shape(m).ReqID), vectorValue(shape(m).Action, zval.String), setValue(shape(m).Nodes, stringValue),
			}
		})
}

// notice is instance, msg, node; node may be missing.
func notice[M interface {
	~struct {
		Instance mgmt.InstanceName
		Msg      string
		Node     mgmt.NodeName
	}
	mgmt.Message
}](r *Registry, name string) {
	type shape = struct {
		Instance mgmt.InstanceName
		Msg      string
		Node     mgmt.NodeName
	}
	register(r, name,
		func(f *fields) M {
			return M(shape{mgmt.InstanceName(f.str("instance")), f.str("msg"), mgmt.NodeName(f.strOr("node", ""))})
		},
		func(m M) []zval.Value {
			return []zval.Value{stringValue(shape(m).Instance), zval.String(shape(m).Msg), stringValue(shape(m).Node)}
		})
}

// withNode is reqid, node.
func withNode[M interface {
	~struct {
		ReqID mgmt.ReqID
		Node  mgmt.NodeName
	}
	mgmt.Message
}](r *Registry, name string) {
	type shape = struct {
		ReqID mgmt.ReqID
		Node  mgmt.NodeName
	}
	register(r, name,
		func(f *fields) M { return M(shape{readReqID(f), mgmt.NodeName(f.str("node"))}) },
		func(m M) []zval.Value {
			return []zval.Value{stringValue(shape(m).ReqID), stringValue(shape(m).Node)}
		})
}

// withSuccess is reqid, result, where the result is a boolean.
func withSuccess[M interface {
	~struct {
		ReqID   mgmt.ReqID
		Success bool
	}
	mgmt.Message
}](r *Registry, name string) {
	type shape = struct {
		ReqID   mgmt.ReqID
		Success bool
	}
	register(r, name,
		func(f *fields) M { return M(shape{readReqID(f), f.boolean("result")}) },
		func(m M) []zval.Value {
			return []zval.Value{stringValue(shape(m).ReqID), zval.Bool(shape(m).Success)}
		})
}

func readReqID(f *fields) mgmt.ReqID { return mgmt.ReqID(f.str("reqid")) }

// readNames reads a set of names that is empty by default.
func readNames[S ~string](f *fields, name string) []S {
	return setOr(f, name, stringKey[S], stringValue[S])
}
