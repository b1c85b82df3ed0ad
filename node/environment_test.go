package node_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/node"
)

func TestFromEnvironment(t *testing.T) {
	for name, tt := range map[string]struct {
		env  map[string]string
		want node.Config
		err  string
	}{
		"by an agent": {
			env:  map[string]string{"CLUSTER_NODE": "feeder", "ZEEKFLEET_NODE_AGENT": "127.0.0.1:2151", "ZEEKFLEET_NODE_TOPIC": "t", "ZEEKFLEET_NODE_TRANSPORT": "auto"},
			want: node.Config{Name: "feeder", Agent: "127.0.0.1:2151", Topic: "t"},
		},
		"plain text": {
			env:  map[string]string{"CLUSTER_NODE": "feeder", "ZEEKFLEET_NODE_AGENT": "[::1]:2151", "ZEEKFLEET_NODE_TRANSPORT": "plain"},
			want: node.Config{Name: "feeder", Agent: "[::1]:2151", DisableTLS: true},
		},
		"with TLS": {
			env:  map[string]string{"CLUSTER_NODE": "feeder", "ZEEKFLEET_NODE_AGENT": "[::1]:2151", "ZEEKFLEET_NODE_TRANSPORT": "tls"},
			want: node.Config{Name: "feeder", Agent: "[::1]:2151", RequireTLS: true},
		},
		"by a person": {err: "no agent has started this program as a node"},
		"a newer transport": {
			env: map[string]string{"CLUSTER_NODE": "f", "ZEEKFLEET_NODE_AGENT": "a:1", "ZEEKFLEET_NODE_TRANSPORT": "quic"},
			err: `ZEEKFLEET_NODE_TRANSPORT is "quic"`,
		},
	} {
		got, err := node.FromEnvironment(func(name string) (string, bool) { value, ok := tt.env[name]; return value, ok })
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: error %v, want %q", name, err, tt.err)
		}
		if got.Name != tt.want.Name || got.Agent != tt.want.Agent || got.Topic != tt.want.Topic || got.DisableTLS != tt.want.DisableTLS || got.RequireTLS != tt.want.RequireTLS {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
	}
}
