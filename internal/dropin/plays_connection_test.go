package dropin_test

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/replay"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

var (
	instancesOfNone = ask("get-instances", mgmt.Result{Success: true, Data: mgmt.Instances{}})
	silence         = replay.Exchange{Answer: func(mgmt.Request) []string { return nil }}
)

// sent is a command to a controller that answers with these texts.
func sent(texts ...string) play {
	return play{args: at("--set", "client.request_timeout_secs=1", "get-instances"), exchanges: []replay.Exchange{
		{Answer: func(mgmt.Request) []string { return texts }},
	}}
}

// monitored is monitor with a controller that sends these texts at once.
func monitored(texts ...string) play {
	return play{args: at("monitor"), ack: `{"type":"ack","endpoint":"e","version":"v"}`, sends: texts, lasts: 700 * time.Millisecond}
}

// secured is a command to a controller that speaks TLS.
func secured(settings ...string) play {
	p := instancesOfNone
	p.secured = true
	options := []string{"--set", "ssl.enable=true"}
	for _, s := range settings {
		options = append(options, "--set", s)
	}
	return p.with(options...)
}

// connectionPlays are about connecting and waiting (spec zeek-client 4 to 6, 9.9).
var connectionPlays = map[string]play{
	"nobody listens":                   {args: at("get-instances")},
	"nobody listens, in detail":        {args: at("-vvv", "get-instances")},
	"nobody listens, quietly":          {args: at("-q", "get-instances")},
	"no attempts":                      {args: at("--set", "client.peering_attempts=0", "get-instances")},
	"one attempt":                      instancesOfNone.with("--set", "client.peering_attempts=1").because("D60"),
	"TLS to a controller without TLS":  instancesOfNone.with("--set", "ssl.enable=yes").because("D62"),
	"notes":                            instancesOfNone.with("-vv"),
	"notes with times":                 instancesOfNone.with("-vv", "--set", "client.rich_logging_format=on"),
	"an error with a time":             {args: at("--set", "client.rich_logging_format=on", "get-instances")},
	"details":                          instancesOfNone.with("-vvv").because("D50"),
	"frames":                           instancesOfNone.with("-vvvv").because("D50"),
	"a silent controller":              {args: at("--set", "client.request_timeout_secs=1", "get-instances"), exchanges: []replay.Exchange{silence}},
	"a controller that leaves":         {args: at("get-instances"), exchanges: []replay.Exchange{{Leave: true}}, differs: "D51"},
	"a controller that refuses":        sent(`{"type":"error","code":"deserialization_failed","context":"bad"}`).because("D52"),
	"an answer that is no JSON":        sent("nonsense").because("D53"),
	"an answer of the wrong form":      odd("get-instances", "get_instances_response", zval.Count(1)).because("D54"),
	"an answer with too few arguments": odd("get-instances", "get_instances_response").because("D54"),
	"no ack":                           {args: at("get-instances"), ack: `{"type":"error","code":"x","context":"y"}`, exchanges: []replay.Exchange{}, differs: "D55"},
	"an ack that is no JSON":           {args: at("get-instances"), ack: `hello`, exchanges: []replay.Exchange{}, differs: "D55"},
	"an ack of another type":           func() play { p := instancesOfNone; p.ack = `{"type":"hello","endpoint":"e","version":"v"}`; return p }().because("D55"),
	"answers to others": instancesOfNone.said(
		replay.Message(mgmt.GetInstancesResponse{ReqID: "another", Result: mgmt.Result{Error: "not yours"}}),
		replay.Message(mgmt.GetNodesRequest{ReqID: "another"}),
	),
	"an unknown event":                   instancesOfNone.said(eventText("x")),
	"an unknown event, told":             instancesOfNone.said(eventText("x")).with("-v"),
	"a message that says nothing":        instancesOfNone.said(`{"type":"whatever"}`).because("D56"),
	"another's event with a microsecond": instancesOfNone.said(eventText("x", zval.Span(3*time.Microsecond))).because("D56"),
	"another's event with port 0":        instancesOfNone.said(eventText("x", zval.Port(0, zval.ProtoTCP))).because("D56"),
	"another's event of the wrong form":  instancesOfNone.said(eventText("get_nodes_request")).because("D56"),

	"TLS that verifies nothing":                    secured(),
	"TLS with the right authority alone":           secured("ssl.cafile=DIR/ca.pem"),
	"TLS with a wrong authority alone":             secured("ssl.cafile=DIR/cert.pem").because("D59"),
	"TLS with a certificate":                       secured("ssl.cafile=DIR/ca.pem", "ssl.certificate=DIR/cert.pem", "ssl.keyfile=DIR/plain.pem"),
	"TLS with a certificate and a passphrase":      secured("ssl.cafile=DIR/ca.pem", "ssl.certificate=DIR/cert.pem", "ssl.keyfile=DIR/pkcs8.pem", "ssl.passphrase=fünf Worte"),
	"TLS with a key in the old form":               secured("ssl.cafile=DIR/ca.pem", "ssl.certificate=DIR/cert.pem", "ssl.keyfile=DIR/legacy.pem", "ssl.passphrase=fünf Worte"),
	"TLS with a certificate and a wrong authority": secured("ssl.cafile=DIR/cert.pem", "ssl.certificate=DIR/cert.pem", "ssl.keyfile=DIR/plain.pem").because("D62"),
	"TLS with a wrong passphrase":                  secured("ssl.certificate=DIR/cert.pem", "ssl.keyfile=DIR/pkcs8.pem", "ssl.passphrase=falsch").because("D62"),
	"TLS with the key of another certificate":      secured("ssl.certificate=DIR/ca.pem", "ssl.keyfile=DIR/plain.pem").because("D62"),
	"plain text to a controller with TLS":          func() play { p := instancesOfNone; p.secured = true; return p }().because("D62"),

	"monitor": monitored(
		replay.Message(mgmt.GetNodesRequest{ReqID: "r"}),
		replay.Message(mgmt.GetIDValueRequest{ReqID: "r", ID: "x", Nodes: []mgmt.NodeName{"w"}}),
		replay.Message(mgmt.GetInstancesResponse{ReqID: "r", Result: mgmt.Result{Success: true}}),
		replay.Message(mgmt.TestTimeoutRequest{ReqID: "r", WithState: true}),
	).because("D57"),
	"monitor of unknown events": monitored(eventText("x")).with("-v"),
	"monitor of silence":        monitored().with("--set", "client.request_timeout_secs=1").interrupted(1500 * time.Millisecond),
	"an interruption":           play{args: at("get-instances"), exchanges: []replay.Exchange{silence}, lasts: 500 * time.Millisecond}.because("D58"),
}
