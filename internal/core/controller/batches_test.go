package controller_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// member returns a node from a text such as "worker-1@a eth0 23": its name and instance,
// and for a worker its interface and its fan-out ID.
func member(text string) mgmt.Node {
	words := strings.Fields(text)
	name, instance, _ := strings.Cut(words[0], "@")
	n := mgmt.Node{Name: mgmt.NodeName(name), Instance: mgmt.InstanceName(instance), Role: mgmt.Worker}
	for _, role := range []mgmt.ClusterRole{mgmt.Logger, mgmt.Manager, mgmt.Proxy} {
		if strings.HasPrefix(strings.ToUpper(name), string(role)) {
			n.Role = role
		}
	}
	if len(words) > 1 {
		n.Interface = new(words[1])
	}
	if len(words) > 2 {
		n.Options = []mgmt.Option{{Name: "AF_Packet::fanout_id", Value: words[2]}}
	}
	return n
}

func members(texts ...string) []mgmt.Node {
	var list []mgmt.Node
	for _, text := range texts {
		list = append(list, member(text))
	}
	return list
}

func TestBatches(t *testing.T) {
	for name, tt := range map[string]struct {
		nodes  []mgmt.Node
		others []mgmt.Node // that are not restarted
		size   int
		want   string // "BATCH | BATCH (why)"
	}{
		"those that others need come first, one at a time": {
			nodes: members("worker-1@a", "worker-2@a", "proxy-1@a", "proxy-2@a", "manager@a", "logger@a"), size: 10,
			want: "logger | manager | proxy-1 | proxy-2 | worker-1 worker-2",
		},
		"half of the workers of an interface": {
			nodes: members("worker-1@a eth0", "worker-2@a eth0", "worker-3@a eth0", "worker-4@a eth0"), size: 2,
			want: "worker-1 worker-2 | worker-3 worker-4",
		},
		"never all of an interface, however large the batch": {
			nodes: members("worker-1@a eth0", "worker-2@a eth0", "worker-3@a eth0"), size: 100,
			want: "worker-1 worker-2 | worker-3",
		},
		"interfaces take turns": {
			nodes: members("worker-1@a eth0", "worker-2@a eth0", "worker-3@a eth1", "worker-4@a eth1", "worker-5@b eth0", "worker-6@b eth0"), size: 3,
			want: "worker-1 worker-3 worker-5 | worker-2 worker-4 worker-6",
		},
		"the packet source is no part of the interface": {
			nodes: members("worker-1@a af_packet::eth0", "worker-2@a eth0"), size: 2,
			want: "worker-1 | worker-2",
		},
		"a worker that is alone on its interface": {
			nodes: members("worker-1@a eth0", "worker-2@a eth1", "worker-3@a eth1"), size: 10,
			want: "worker-1 (it is the only worker on eth0 of instance 'a') | worker-2 | worker-3",
		},
		"a worker whose fellows are not restarted": {
			nodes: members("worker-1@a eth0", "worker-2@a eth0"), others: members("worker-3@a eth0"), size: 10,
			want: "worker-1 worker-2",
		},
		"two fan-out groups of one interface": {
			nodes: members("worker-1@a eth0 1", "worker-2@a eth0 1", "worker-3@a eth0 2", "worker-4@a eth0 2"), size: 10,
			want: "worker-1 worker-3 | worker-2 worker-4",
		},
		"a fan-out group with one worker": {
			nodes: members("worker-1@a eth0 1", "worker-2@a eth0 2", "worker-3@a eth0 2"), size: 10,
			want: "worker-1 (it is the only worker of fan-out group 1 on eth0 of instance 'a') | worker-2 | worker-3",
		},
		"the same name of an interface on two instances": {
			nodes: members("worker-1@a eth0", "worker-2@b eth0"), size: 2,
			want: "worker-1 (it is the only worker on eth0 of instance 'a') | worker-2 (it is the only worker on eth0 of instance 'b')",
		},
		"workers that capture nothing": {nodes: members("worker-1@a", "worker-2@a", "worker-3@b"), size: 2, want: "worker-1 worker-2 | worker-3"},
		"nothing":                      {size: 1, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			batches, because := controller.BatchesOf(tt.nodes, slices.Concat(tt.nodes, tt.others), tt.size)
			var texts []string
			for i, b := range batches {
				text := mgmt.FewNames(b, len(b))
				if text = strings.ReplaceAll(text, ",", ""); because[i] != "" {
					text += " (" + because[i] + ")"
				}
				texts = append(texts, text)
			}
			if got := strings.Join(texts, " | "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestBatchSize(t *testing.T) {
	for _, tt := range []struct{ batch, percent, count, want int }{
		{0, 0, 10, 1}, {3, 0, 10, 3}, {0, 25, 10, 2}, {0, 1, 10, 1}, {0, 100, 10, 10}, {0, 50, 0, 1},
	} {
		if got := controller.BatchSize(tt.batch, tt.percent, tt.count); got != tt.want {
			t.Errorf("a batch of %d, or %d%%, of %d nodes has %d, want %d", tt.batch, tt.percent, tt.count, got, tt.want)
		}
	}
}

// TestABatchNeverTakesAllWorkersOfAnInterface checks any cluster: each node is in one
// batch, a batch is not too large, and what is left of each group captures on, unless the
// worker is alone in its group and in its batch.
func TestABatchNeverTakesAllWorkersOfAnInterface(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all, nodes []mgmt.Node
		for i := range rapid.IntRange(0, 30).Draw(t, "nodes") {
			n := member(rapid.SampledFrom([]string{"logger", "manager", "proxy", "worker", "worker", "worker", "worker"}).Draw(t, "role") +
				fmt.Sprint("-", i) + rapid.SampledFrom([]string{"@a", "@b"}).Draw(t, "instance") +
				rapid.SampledFrom([]string{"", " eth0", " af_packet::eth0", " eth1", " eth0 1", " af_packet::eth0 2"}).Draw(t, "interface"))
			if all = append(all, n); rapid.Bool().Draw(t, "restarted") {
				nodes = append(nodes, n)
			}
		}
		size := rapid.IntRange(1, 12).Draw(t, "size")
		batches, _ := controller.BatchesOf(nodes, all, size)
		seen := 0
		for _, b := range batches {
			if seen += len(b); len(b) > size || len(b) == 0 {
				t.Fatalf("batch %v of at most %d", b, size)
			}
			for _, n := range all {
				checkCapture(t, n, b, all)
			}
		}
		if seen != len(nodes) {
			t.Fatalf("%d nodes in batches, of %d", seen, len(nodes))
		}
	})
}

// checkCapture fails if all workers that capture the packets of n are in the batch, and
// there are several.
func checkCapture(t *rapid.T, n mgmt.Node, b []mgmt.NodeName, all []mgmt.Node) {
	if n.Role != mgmt.Worker || n.Interface == nil {
		return
	}
	device := func(n mgmt.Node) string {
		return strings.TrimPrefix(*n.Interface, "af_packet::")
	}
	var fellows, group int
	var left, leftGroup int
	for _, o := range all {
		if o.Role != mgmt.Worker || o.Interface == nil || o.Instance != n.Instance || device(o) != device(n) {
			continue
		}
		in := slices.Contains(b, o.Name)
		fellows++
		if !in {
			left++
		}
		if slices.Equal(o.Options, n.Options) && len(n.Options) > 0 {
			group++
			if !in {
				leftGroup++
			}
		}
	}
	if left == 0 && (fellows > 1 || len(b) > 1) || group > 0 && leftGroup == 0 && (group > 1 || len(b) > 1) {
		t.Fatalf("batch %v leaves nobody to capture what %s captures", b, n.Name)
	}
}
