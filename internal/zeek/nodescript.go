package zeek

import (
	_ "embed" // the node scripts
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The node scripts. Both protocols use all but the last two, which answer requests. The
// last two, one for each protocol, receive requests and send the answers.
var (
	//go:embed scripts/api.zeek
	apiScript string
	//go:embed scripts/list.zeek
	listScript string
	//go:embed scripts/value.zeek
	valueScript string
	//go:embed scripts/option.zeek
	optionScript string
	//go:embed scripts/runoption.zeek
	runOptionScript string
	//go:embed scripts/layout.zeek
	layoutScript string
	//go:embed scripts/cluster.zeek
	clusterScript string
	//go:embed scripts/dispatch.zeek
	dispatchScript string
	//go:embed scripts/proof.zeek
	proofScript string
	//go:embed scripts/broker.zeek
	brokerScript string
	//go:embed scripts/websocket.zeek
	webSocketScript string
)

// NodeScriptFiles returns our node script for a protocol: first the file that the
// node loads, then the files that this file loads. They are the same for all
// versions of Zeek that have the protocol. Generate includes them.
func NodeScriptFiles(t AgentProtocol) []File {
	var node string
	switch t {
	case AgentBroker:
		node = brokerScript
	case AgentWebSocket:
		node = webSocketScript
	default:
		panic(fmt.Sprintf("zeek: no node script for protocol %q", string(t)))
	}
	return append([]File{
		{Name: nodeFile, Mode: 0o644, Content: node},
		{Name: proofFile, Mode: 0o644, Content: proofScript},
		{Name: dispatchFile, Mode: 0o644, Content: dispatchScript},
		{Name: changeFile, Mode: 0o644, Content: layoutScript},
		{Name: clusterFile, Mode: 0o644, Content: clusterScript},
	}, runOptionScripts()...)
}

// runOptionScripts returns the part of our node script that sets options: first the file
// that sets those from the start, then the files that this file loads.
func runOptionScripts() []File {
	return []File{
		{Name: runOptionFile, Mode: 0o644, Content: runOptionScript},
		{Name: optionFile, Mode: 0o644, Content: optionScript},
		{Name: valueFile, Mode: 0o644, Content: valueScript},
		{Name: listFile, Mode: 0o644, Content: listScript},
		{Name: apiFile, Mode: 0o644, Content: apiScript},
	}
}

// NodeTopic returns the topic on which a node and its agent speak with each other.
// Over Broker the topic is the same for all nodes. A WebSocket client is on the bus
// of the whole cluster, so each node has its own topic there. That topic ends in
// "/", so that it is not a prefix of another node's topic (spec zeek-launch).
func NodeTopic(t AgentProtocol, node mgmt.NodeName) string {
	if t == AgentWebSocket {
		return mgmt.NodeTopic + "/" + string(node) + "/"
	}
	return mgmt.NodeTopic
}
