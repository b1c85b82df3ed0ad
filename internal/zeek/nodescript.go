package zeek

import (
	_ "embed" // the node scripts
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The node scripts. The first four are what the protocols share: they answer
// requests and know nothing of how these travel.
var (
	//go:embed scripts/api.zeek
	apiScript string
	//go:embed scripts/option.zeek
	optionScript string
	//go:embed scripts/dispatch.zeek
	dispatchScript string
	//go:embed scripts/proof.zeek
	proofScript string
	//go:embed scripts/broker.zeek
	brokerScript string
	//go:embed scripts/websocket.zeek
	webSocketScript string
)

// NodeScriptFiles returns our node script for a protocol: first the file that a
// node loads, then those which that loads. They are the same in all versions of
// Zeek that have the protocol; Generate includes them.
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
	return []File{
		{Name: nodeFile, Mode: 0o644, Content: node},
		{Name: proofFile, Mode: 0o644, Content: proofScript},
		{Name: dispatchFile, Mode: 0o644, Content: dispatchScript},
		{Name: optionFile, Mode: 0o644, Content: optionScript},
		{Name: apiFile, Mode: 0o644, Content: apiScript},
	}
}

// NodeTopic returns the topic on which a node and its agent speak with each
// other. A WebSocket leads to the bus of the whole cluster, where every node
// would answer what it is not named in; there the topic is the node's own, and
// ends so that it is not the beginning of another's (spec zeek-launch).
func NodeTopic(t AgentProtocol, node mgmt.NodeName) string {
	if t == AgentWebSocket {
		return mgmt.NodeTopic + "/" + string(node) + "/"
	}
	return mgmt.NodeTopic
}
