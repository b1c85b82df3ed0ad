// Package node turns a Go program into a managed node of a Zeek cluster. The node
// says hello to its agent and answers the agent's dispatches, as a Zeek process
// with Zeek's Management framework does (spec management-api section 4). The
// program may do anything else beside that.
//
// The agent may be zeekfleet's or Zeek's. The node's name must be the name of a node
// in the cluster's configuration. If zeekfleet's agent does not start the program,
// the agent's setting agent.foreign_nodes must name the node. All fields of Config
// other than Name have defaults:
//
//	n, err := node.New(node.Config{
//		Name:        "worker-1",
//		Identifiers: map[string]any{"Sensor::model": "x200"},
//	})
//	if err != nil {
//		return err
//	}
//	return n.Run(ctx)
//
// `zeekfleet get-id-value Sensor::model` then shows "x200".
//
// # Values
//
// Values of identifiers and of dispatches travel as JSON, in the form that Zeek's
// to_json gives Zeek's values (spec management-api 4.5). Go values become:
//
//	bool, integers, floats   literals; a float keeps a decimal point, and NaN
//	                         and the infinities are null
//	string, []byte           a string; a control character or a byte that is not
//	                         UTF-8 is the text \xNN
//	time.Time                seconds since the Unix epoch
//	time.Duration            a Zeek interval, such as "1.0 min 30.0 secs"
//	Port                     {"port":443,"proto":"tcp"}
//	encoding.TextMarshaler   a string; netip.Addr and netip.Prefix, for example
//	slices, arrays           an array
//	map[K]struct{}           a set, which is an array
//	maps                     an object; its keys are strings: other keys become
//	                         their JSON text, and a struct the text of an array
//	structs                  an object of the exported fields, in order, under the
//	                         name in their json tag if they have one; nil fields
//	                         are left out
//	pointers, interfaces     the value to which they point; nil is null
//
// All other values, and values nested deeper than 100 levels, become null.
//
// # Goroutines
//
// Run starts one goroutine for the peering with the agent, one if Config.Listen is
// set, and two for each call of a function. It returns when all have ended.
package node
