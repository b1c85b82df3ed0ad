package mgmt_test

import (
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// fingerprinted are plans with the fingerprints that they have in each version.
// Running processes have these fingerprints: none of them ever changes.
var fingerprinted = []struct {
	name   string
	plan   mgmt.Plan
	v0, v1 mgmt.Fingerprint
	v2     [3]mgmt.Fingerprint // for ShapeOfLayout, LoggersOfLayout, OwnEntry
}{
	{"nothing set", nothingSet, "89153e9dfdacc0b33b0c474212e4e61a", "1:db0abba0caad59ef2981edcd479381b3", [3]mgmt.Fingerprint{
		"2:db6980313e2ca379488c88042e78955b", "2:c2cdedc85b0c6941c875ec69c52dc9ca", "2:81e4a037b056a0a532d6ddc420662747",
	}},
	{"everything set", everythingSet, "477257494365446a707ee7b8a33e35bf", "1:ec43ca040ee830e006998632bffdd419", [3]mgmt.Fingerprint{
		"2:49faf1b3d5aa34bd5ceee5c6d3e5e2b6", "2:a91dcd354b842648284284b07781402e", "2:9fd8c4ce582be3dd33fe55d2c564e502",
	}},
	{"everything set to nothing", setToNothing, "bc0fa438c5bbce48de5b9d82fc60e6a2", "1:33febdc9f89867378415720a81601f7b", [3]mgmt.Fingerprint{
		"2:68437e2a27a62c21d7c98dd4c059b9cd", "2:58e17d12483071fa838688d1191672eb", "2:e944650e49c43d2b5496cd5cab5982f9",
	}},
	{"a state, which is no part of a plan", withState, "89153e9dfdacc0b33b0c474212e4e61a", "1:db0abba0caad59ef2981edcd479381b3", [3]mgmt.Fingerprint{
		"2:db6980313e2ca379488c88042e78955b", "2:c2cdedc85b0c6941c875ec69c52dc9ca", "2:81e4a037b056a0a532d6ddc420662747",
	}},
	{"characters that JSON escapes", escaped, "d99d2592f8ed2b46765b8ca94d599dfd", "1:b0e5e49ba8d2c30c5fb96d98b1c1eeb0", [3]mgmt.Fingerprint{
		"2:08bb8c6a31d0e6aefca0b38245bd9fcf", "2:22b438f3fc6978015c0d85f75d3d31c0", "2:fa8d6f285524ddb717d22d80b0ae6d07",
	}},
	{"hosts of all kinds", manyHosts, "dfeb032c624316cc0e97e129bbd7a80a", "1:a054d337c727cd8397b8164d2b9f7949", [3]mgmt.Fingerprint{
		"2:7a12959f856324fe11b476a3cc855b09", "2:4114b8a45cd7af3c54530f5c587a378a", "2:699702760760b8709fd865ac9737a9f8",
	}},
	{"numbers at their limits", limits, "2246126c10cb2c3b11cb11b28fb78502", "1:5aa0975b41e70053e4c7a183165f05b2", [3]mgmt.Fingerprint{
		"2:c03561193f91ea968c13cb9c6292f120", "2:0e5b5bf69ee5969f9327a197763c441e", "2:b951a17dc3031df1034dceb60c5877c4",
	}},
	{"an endpoint with everything set", fullEndpoint, "0f4802e69f25e901125e7a42b1e8ea0c", "1:17ea9a22496e8fdbf0c1cf3fe0f8d1a1", [3]mgmt.Fingerprint{
		"2:d22eb8ce176a8c1eb0abb5c22e375a37", "2:54f6cc3826127233f5bfd898aa96f1cb", "2:361deb46c0b2a77048f53d966ef9b4ba",
	}},
	{"a node alone", mgmt.Plan{Node: mgmt.Node{Name: "worker", Role: mgmt.ClusterNone}}, "cee19ed7ce6abca3a5aba6206c60db58", "1:9d955206da18f3a40c7508cb1c1d72e2", [3]mgmt.Fingerprint{
		"2:901f472b415a9e9c8cbc6ed54919c29d", "2:a415347dd2f618bb9ad6f2414302bb2c", "2:aa62362683315b2e1467e07ff9f6a0c7",
	}},
	{"an empty plan", mgmt.Plan{}, "c65d7fb7e8db30833382f7fbd517d5e0", "1:389b46f0445738f6b517def165c3e490", [3]mgmt.Fingerprint{
		"2:7f0633b3477b4ea7cdbac5c9c1782531", "2:859b92d4fecc2cbf586cb65e36cff1bf", "2:21ad055978344722ed250e115c4e0e26",
	}},
}

var (
	nothingSet = planOf(one(instance("i"), node("w", "i", mgmt.Worker)))

	everythingSet = planOf(one(
		instance("host-1", at("10.0.0.1"), listening(2151)),
		node("w", "host-1", mgmt.Worker, port(5000), metrics(9000), env("B", "b", "A", "a"), func(n *mgmt.Node) {
			n.Scripts = []string{"policy/tuning/json-logs", "local", "/opt/site/more.zeek"}
			n.Options = []mgmt.Option{{Name: "o", Value: "z"}, {Name: "n", Value: ""}, {Name: "o", Value: "y"}, {Name: "n", Value: ""}}
			n.Interface, n.CPUAffinity = new("af_packet::eth0"), new(int64(3))
		}),
		node("manager", "host-1", mgmt.Manager, port(2200)),
		node("logger-10", "host-2", mgmt.Logger, port(2201), metrics(9001)),
		node("logger-9", "host-1", mgmt.Logger),
		node("proxy", "host-1", mgmt.Proxy, port(2202)),
	))

	setToNothing = planOf(one(instance("i", func(in *mgmt.Instance) { in.Host = netip.Addr{} }), node("w", "i", "", func(n *mgmt.Node) {
		n.Port, n.MetricsPort = new(mgmt.Port{}), new(mgmt.NoPort)
		n.Scripts, n.Options, n.Env = []string{}, []mgmt.Option{}, map[string]string{}
		n.Interface, n.CPUAffinity = new(""), new(int64(0))
	})))

	withState = planOf(one(instance("i"), node("w", "i", mgmt.Worker, func(n *mgmt.Node) { n.State = mgmt.Failed })))

	escaped = planOf(one(
		instance("<&>\u2028\u2029", at("10.0.0.1")),
		node("w", "<&>\u2028\u2029", mgmt.Worker, env("\x00\x01\b\t\n\v\f\r\x1b\x7f", "\"\\/'"), func(n *mgmt.Node) {
			n.Scripts = []string{"", " ", "ü", "\U0001f980", "\xff\xc3", "\ufffd", "two\nlines"}
			n.Options = []mgmt.Option{{Name: "a\x00b", Value: "</script>"}}
			n.Interface = new("1:x")
		}),
		node("\xffw", "<&>\u2028\u2029", mgmt.Worker),
	))

	manyHosts = planOf(mgmt.Configuration{
		Instances: []mgmt.Instance{
			instance("v4", at("192.0.2.7")), instance("v6", at("2001:DB8::7")), instance("mapped", at("::ffff:192.0.2.7")),
			instance("zone", at("fe80::1%eth0")), instance("any", at("0.0.0.0")), instance("any6", at("::")),
			instance("none", func(in *mgmt.Instance) { in.Host = netip.Addr{} }),
		},
		Nodes: []mgmt.Node{
			node("w", "v4", mgmt.Worker), node("6", "v6", mgmt.Proxy), node("m", "mapped", mgmt.Manager), node("z", "zone", mgmt.Logger),
			node("a", "any", mgmt.Worker), node("a6", "any6", mgmt.Worker), node("n", "none", mgmt.Worker), node("u", "undeclared", mgmt.Worker),
		},
	})

	limits = planOf(one(instance("i"), node("w", "i", mgmt.ClusterNone, func(n *mgmt.Node) {
		n.Port, n.MetricsPort = new(mgmt.Port{Number: 65535, Proto: mgmt.UDP}), new(mgmt.Port{Number: 1, Proto: mgmt.ICMP})
		n.CPUAffinity = new(int64(-1 << 63))
	})))

	fullEndpoint = mgmt.Plan{
		Node: mgmt.Node{Name: "w", Instance: "i", Role: mgmt.Worker, CPUAffinity: new(int64(1<<63 - 1))},
		Cluster: map[mgmt.NodeName]mgmt.ClusterEndpoint{
			"w": {
				Role: mgmt.Worker, Host: addr("10.0.0.1"), Port: mgmt.TCPPort(5000),
				Interface: new("eth0"), PcapFile: new("trace.pcap"), MetricsPort: tcp(9000),
			},
			"v": {Interface: new(""), PcapFile: new(""), MetricsPort: new(mgmt.NoPort)},
		},
	}
)

// planOf returns the plan of node w.
func planOf(c mgmt.Configuration) mgmt.Plan {
	plan, _ := mgmt.PlanFor(c, "w")
	return plan
}
