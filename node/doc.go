// Package node turns a Go program into a managed node of a Zeek cluster: it
// says hello to its agent and answers the agent's dispatches, as a Zeek process
// with Zeek's Management framework does (spec management-api section 4). What
// the program does beside that is its own affair.
//
// The agent may be zeekfleet's or Zeek's. A node needs a name that the agent's
// configuration knows, and zeekfleet's agent has to be told of a program that it
// has not started itself (agent.foreign_nodes); everything else has a default:
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
// Values of identifiers and of dispatches travel as the JSON that Zeek's to_json
// makes of its own values (spec management-api 4.5). These Go values become:
//
//	bool, integers, floats   literals; a float keeps a decimal point, and NaN
//	                         and the infinities are null
//	string, []byte           a string; what is not UTF-8 or does not print is \xNN
//	time.Time                seconds since the Unix epoch
//	time.Duration            a Zeek interval, such as "1.0 min 30.0 secs"
//	Port                     {"port":443,"proto":"tcp"}
//	encoding.TextMarshaler   a string, such as of netip.Addr and netip.Prefix
//	slices, arrays           an array
//	map[K]struct{}           a set, which is an array
//	maps                     an object; a key that is a struct is the text of an array
//	structs                  an object of the exported fields, in order, under the
//	                         name in their json tag if they have one; nil fields
//	                         are left out
//	pointers, interfaces     what they hold; nil is null
//
// Everything else, and what is nested deeper than 100 levels, is null.
//
// # Goroutines
//
// Run starts one for the peering with the agent, one for Listen if that is set,
// and two per call of a function. It returns when all have ended.
package node
