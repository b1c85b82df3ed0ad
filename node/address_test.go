package node_test

import (
	"fmt"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/node"
)

func TestDefaultAgentIsWhereAnAgentListens(t *testing.T) {
	if want := fmt.Sprintf("127.0.0.1:%d", mgmt.AgentPort); node.DefaultAgent != want {
		t.Errorf("got %s, want %s", node.DefaultAgent, want)
	}
}
