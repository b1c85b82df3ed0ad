package clusterfile_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// workers prints nodes in short: what a template decides.
func workers(nodes []mgmt.Node) string {
	var b strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&b, "%s@%s", n.Name, n.Instance)
		if n.Interface != nil {
			fmt.Fprintf(&b, " %s", *n.Interface)
		}
		if n.CPUAffinity != nil {
			fmt.Fprintf(&b, " cpu=%d", *n.CPUAffinity)
		}
		for _, o := range n.Options {
			fmt.Fprintf(&b, " %s=%s", strings.TrimPrefix(o.Name, "AF_Packet::"), strings.TrimPrefix(o.Value, "AF_Packet::"))
		}
		for _, name := range slices.Sorted(maps.Keys(n.Env)) {
			fmt.Fprintf(&b, " %s=%s", name, n.Env[name])
		}
		if len(n.Scripts) > 0 {
			fmt.Fprintf(&b, " load %s", strings.Join(n.Scripts, ","))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// twoSockets is a host with two sockets of four cores, each with two threads. Its cards are
// in different sockets.
func twoSockets(name mgmt.InstanceName) (mgmt.Hardware, error) {
	var h mgmt.Hardware
	switch name {
	case "old":
		return h, errors.New("its agent does not say what the host has")
	case "one": // one processor
		return mgmt.Hardware{Processors: []mgmt.Processor{{NUMANode: 0}}, Interfaces: []mgmt.NIC{{Name: "eth0", NUMANode: 0}}}, nil
	}
	for cpu := range 16 {
		h.Processors = append(h.Processors, mgmt.Processor{Number: cpu, NUMANode: cpu / 4 % 2, Core: cpu % 8, Isolated: name == "isolated" && cpu%4 > 1})
	}
	h.Interfaces = []mgmt.NIC{{Name: "eth0", NUMANode: 0}, {Name: "eth1", NUMANode: 1}, {Name: "eth2", NUMANode: 1}, {Name: "virt", NUMANode: mgmt.NoNUMANode}}
	return h, nil
}

var templates = map[string]struct {
	text, want string
	warnings   []string
}{
	"workers with processors, a fan-out ID and a ring": {
		text: "[workers]\ninstance = s\ninterface = eth0\nworkers = 3\npin_cpus = 2-3,8\nring_size = 512MiB\nblock_size = 1MiB\nblock_timeout = 20ms\n" +
			"fanout_mode = qm\nchecksum_validation = kernel\nscripts = b a\nenv = A=1\nredefs = X::y=T\n",
		want: "worker-eth0-1@s af_packet::eth0 cpu=2 block_size=1048576 block_timeout=20msec buffer_size=536870912 checksum_validation_mode=CHECKSUM_KERNEL fanout_id=65238 fanout_mode=FANOUT_QM X::y=T A=1 load a,b\n" +
			"worker-eth0-2@s af_packet::eth0 cpu=3 block_size=1048576 block_timeout=20msec buffer_size=536870912 checksum_validation_mode=CHECKSUM_KERNEL fanout_id=65238 fanout_mode=FANOUT_QM X::y=T A=1 load a,b\n" +
			"worker-eth0-3@s af_packet::eth0 cpu=8 block_size=1048576 block_timeout=20msec buffer_size=536870912 checksum_validation_mode=CHECKSUM_KERNEL fanout_id=65238 fanout_mode=FANOUT_QM X::y=T A=1 load a,b\n",
	},
	"several instances and interfaces, in the order of the file": {
		text: "[m]\nrole = manager\ninstance = s-1\n[workers fast]\ninstances = s-* other\ninterface = eth0 eth1\nworkers = 2\npin_cpus = 1 2 3 4\n[l]\nrole = logger\ninstance = other\n[instances]\ns-2\nother\ns-1\nx\n",
		want: "m@s-1\n" +
			"other-worker-eth0-1@other af_packet::eth0 cpu=1 fanout_id=65238\nother-worker-eth0-2@other af_packet::eth0 cpu=2 fanout_id=65238\n" +
			"other-worker-eth1-1@other af_packet::eth1 cpu=3 fanout_id=362\nother-worker-eth1-2@other af_packet::eth1 cpu=4 fanout_id=362\n" +
			"s-1-worker-eth0-1@s-1 af_packet::eth0 cpu=1 fanout_id=65238\ns-1-worker-eth0-2@s-1 af_packet::eth0 cpu=2 fanout_id=65238\n" +
			"s-1-worker-eth1-1@s-1 af_packet::eth1 cpu=3 fanout_id=362\ns-1-worker-eth1-2@s-1 af_packet::eth1 cpu=4 fanout_id=362\n" +
			"s-2-worker-eth0-1@s-2 af_packet::eth0 cpu=1 fanout_id=65238\ns-2-worker-eth0-2@s-2 af_packet::eth0 cpu=2 fanout_id=65238\n" +
			"s-2-worker-eth1-1@s-2 af_packet::eth1 cpu=3 fanout_id=362\ns-2-worker-eth1-2@s-2 af_packet::eth1 cpu=4 fanout_id=362\n" +
			"l@other\n",
	},
	"a pattern that matches one instance names nodes as one that matches more": {
		text: "[instances]\ns-1\n[workers a]\ninstances = s-*\ninterface = eth0\nworkers = 1\nname = w\n",
		want: "s-1-w-1@s-1 af_packet::eth0 fanout_id=65238\n",
	},
	"a node's fan-out ID holds for the template on its interface": {
		text: "[workers a]\ninstance = s\ninterface = eth0\nworkers = 1\n[w]\nrole = worker\ninstance = s\ninterface = af_packet::eth0\nredefs = AF_Packet::fanout_id=7\n",
		want: "worker-eth0-1@s af_packet::eth0 fanout_id=7\nw@s af_packet::eth0 fanout_id=7\n",
	},
	"so does Zeek's fan-out ID of a node that sets none": {
		text: "[workers a]\ninstance = s\ninterface = eth0\nworkers = 1\n[w]\nrole = worker\ninstance = s\ninterface = af_packet::eth0\n",
		want: "worker-eth0-1@s af_packet::eth0 fanout_id=23\nw@s af_packet::eth0\n",
	},
	"an ID that is used on another interface of the host is not chosen": {
		text: "[workers a]\ninstance = s\ninterface = eth0\nworkers = 1\n[workers b]\ninstance = s\ninterface = eth1\nworkers = 1\nfanout_id = 65238\n[workers c]\ninstance = t\ninterface = eth0\nworkers = 1\nname = c\n",
		want: "worker-eth0-1@s af_packet::eth0 fanout_id=65239\nworker-eth1-1@s af_packet::eth1 fanout_id=65238\nc-1@t af_packet::eth0 fanout_id=65238\n",
	},
	"two templates on an interface share its packets": {
		text: "[workers a]\ninstance = s\ninterface = eth0\nworkers = 1\n[workers b]\ninstance = s\ninterface = eth0\nworkers = 1\nname = b\n",
		want: "worker-eth0-1@s af_packet::eth0 fanout_id=65238\nb-1@s af_packet::eth0 fanout_id=65238\n",
	},
	"fewer processors than workers": {
		text:     "[workers a]\ninstance = s\ninterface = eth0\nworkers = 3\npin_cpus = 4,5\nlb_method = none\n",
		want:     "worker-eth0-1@s eth0 cpu=4\nworker-eth0-2@s eth0 cpu=5\nworker-eth0-3@s eth0 cpu=4\n",
		warnings: []string{"c.ini:5: [workers a]: more than one node is bound to processor 4 of instance 's'"},
	},
	"one worker for each pinned processor": {
		text: "[workers a]\ninstance = s\ninterface = eth0\nworkers = auto\npin_cpus = 4,6\nlb_method = none\n",
		want: "worker-eth0-1@s eth0 cpu=4\nworker-eth0-2@s eth0 cpu=6\n",
	},
	"automatic: the cores near the card, without the first one": {
		text: "[workers a]\ninstance = s\ninterface = eth0\nworkers = auto\npin_cpus = auto\nlb_method = none\n",
		want: "worker-eth0-1@s eth0 cpu=1\nworker-eth0-2@s eth0 cpu=2\nworker-eth0-3@s eth0 cpu=3\n",
	},
	"automatic processors: further threads of cores last, and none that is taken": {
		text: "[p]\nrole = proxy\ninstance = s\ncpu_affinity = 5\n[workers a]\ninstance = s\ninterface = eth1\nworkers = 4\npin_cpus = auto\nlb_method = none\n",
		want: "p@s cpu=5\nworker-eth1-1@s eth1 cpu=6\nworker-eth1-2@s eth1 cpu=7\nworker-eth1-3@s eth1 cpu=13\nworker-eth1-4@s eth1 cpu=14\n",
	},
	"automatic: interfaces of one socket share its cores, and numbers come first": {
		text: "[workers b]\ninstance = s\ninterface = eth1 eth2\nworkers = auto\npin_cpus = auto\nlb_method = none\n[workers a]\ninstance = s\ninterface = eth1\nworkers = 1\npin_cpus = auto\nlb_method = none\nname = a\n",
		want: "worker-eth1-1@s eth1 cpu=6\nworker-eth2-1@s eth2 cpu=7\na-1@s eth1 cpu=5\n",
	},
	"automatic: isolated processors are for workers": {
		text: "[workers a]\ninstance = isolated\ninterface = eth1\nworkers = auto\npin_cpus = auto\nlb_method = none\n",
		want: "worker-eth1-1@isolated eth1 cpu=6\nworker-eth1-2@isolated eth1 cpu=7\n",
	},
	"automatic: a card whose socket is not known, and nodes that are not bound": {
		text: "[workers a]\ninstance = s\ninterface = virt\nworkers = auto\nlb_method = none\n",
		want: "worker-virt-1@s virt\nworker-virt-2@s virt\nworker-virt-3@s virt\nworker-virt-4@s virt\nworker-virt-5@s virt\nworker-virt-6@s virt\nworker-virt-7@s virt\n",
	},
	"automatic: a host with one processor": {
		text: "[workers a]\ninstance = one\ninterface = eth0\nworkers = auto\npin_cpus = auto\nlb_method = none\n",
		want: "worker-eth0-1@one eth0 cpu=0\n",
	},
	"PF_RING": {
		text: "[workers a]\ninstance = s\ninterface = eth0\nworkers = 1\nlb_method = pf_ring\ncluster_id = 21\ncluster_type = 4-tuple\n[workers b]\ninstance = s\ninterface = eth1\nworkers = 1\nlb_method = pf_ring\nenv = PCAP_PF_RING_APPNAME=x\n" +
			"[workers c]\ninstance = s\ninterface = zc:eth2\nworkers = 2\nlb_method = pf_ring\nname = zc\n",
		want: "worker-eth0-1@s eth0 PCAP_PF_RING_APPNAME=zeek-eth0 PCAP_PF_RING_CLUSTER_ID=21 PCAP_PF_RING_USE_CLUSTER_PER_FLOW_4_TUPLE=1\n" +
			"worker-eth1-1@s eth1 PCAP_PF_RING_APPNAME=x PCAP_PF_RING_CLUSTER_ID=107 PCAP_PF_RING_USE_CLUSTER_PER_FLOW=1\n" +
			"zc-1@s zc:eth2@0 PCAP_PF_RING_APPNAME=zeek-zc:eth2@0 PCAP_PF_RING_USE_CLUSTER_PER_FLOW=1 PCAP_PF_RING_ZC_RSS=1\n" +
			"zc-2@s zc:eth2@1 PCAP_PF_RING_APPNAME=zeek-zc:eth2@1 PCAP_PF_RING_USE_CLUSTER_PER_FLOW=1 PCAP_PF_RING_ZC_RSS=1\n",
	},
	"Myricom, custom sources, and a worker for each interface": {
		text: "[workers a]\ninstance = s\ninterface = snf0\nworkers = 2\nlb_method = myricom\nenv = SNF_FLAGS=0x1\n[workers b]\ninstance = s\ninterface = eth1\nworkers = 1\nlb_method = custom\ninterface_prefix = netmap::\ninterface_suffix = /R\n" +
			"[workers c]\ninstance = s\ninterface = eth2 eth3\nlb_method = interfaces\nname = w\n",
		want: "worker-snf0-1@s snf0 SNF_FLAGS=0x1 SNF_NUM_RINGS=2\nworker-snf0-2@s snf0 SNF_FLAGS=0x1 SNF_NUM_RINGS=2\nworker-eth1-1@s netmap::eth1/R\nw-1@s eth2\nw-2@s eth3\n",
	},
	"without an instance they run on this host": {
		text: "[workers]\ninterface = eth0\nworkers = 1\nlb_method = none\n[DEFAULT]\nscripts = x\n",
		want: "worker-eth0-1@agent-h eth0 load x\n",
	},
	"a node with the name of the section": {text: "[workers]\nrole = worker\ninstance = s\ninterface = eth0\n", want: "workers@s eth0\n"},
}

func TestTemplates(t *testing.T) {
	for name, tt := range templates {
		t.Run(name, func(t *testing.T) {
			got, err := clusterfile.Parse("c.ini", []byte(tt.text), clusterfile.Options{Hostname: "h", Hardware: twoSockets})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, workers(got.Config.Nodes)); diff != "" {
				t.Errorf("nodes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.warnings, got.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			// A revision holds the nodes. Its cluster file says the same.
			again, err := clusterfile.Parse("again", []byte(clusterfile.Text(got.Config)), clusterfile.Options{Hostname: "h"})
			if err != nil {
				t.Fatalf("%v, in what was written:\n%s", err, clusterfile.Text(got.Config))
			}
			sorted := []cmp.Option{
				cmpopts.SortSlices(func(a, b mgmt.Node) bool { return a.Name < b.Name }),
				cmpopts.SortSlices(func(a, b mgmt.Instance) bool { return a.Name < b.Name }),
			}
			if diff := cmp.Diff(got.Config, again.Config, append(clusterOptions, sorted...)...); diff != "" {
				t.Errorf("read again (-first +again):\n%s", diff)
			}
		})
	}
}

// A template that is added behind others changes nothing of them: their workers go on.
func TestTemplatesDoNotChangeOthers(t *testing.T) {
	const one = "[workers %s]\ninstance = s\ninterface = %s\nworkers = 2\npin_cpus = %s\n"
	first := fmt.Sprintf(one, "a", "eth5", "1,2")
	before, err := clusterfile.Parse("c", []byte(first), clusterfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		second := fmt.Sprintf(one, "b", fmt.Sprint("eth", 10+i), "3,4")
		for _, text := range []string{first + second, second + first} {
			after, err := clusterfile.Parse("c", []byte(text), clusterfile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var same []mgmt.Node
			for _, n := range after.Config.Nodes {
				if strings.HasPrefix(string(n.Name), "worker-eth5-") {
					same = append(same, n)
				}
			}
			if diff := cmp.Diff(before.Config.Nodes, same); diff != "" {
				t.Fatalf("with eth%d (-before +after):\n%s", 10+i, diff)
			}
		}
	}
}

func TestTemplatesSayWhatTheyHaveBecome(t *testing.T) {
	text := "[workers]\ninstance = s\ninterface = eth0 eth1\nworkers = 2\npin_cpus = 1-4\n[workers none]\ninstance = s\ninterface = virt\nworkers = 1\nlb_method = none\n"
	got, err := clusterfile.Parse("c", []byte(text), clusterfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []clusterfile.Template{
		{Name: "workers", Line: 1, Groups: []clusterfile.Group{
			{Instance: "s", Interface: "eth0", Nodes: []mgmt.NodeName{"worker-eth0-1", "worker-eth0-2"}, Processors: []int{1, 2}, FanoutID: 65238},
			{Instance: "s", Interface: "eth1", Nodes: []mgmt.NodeName{"worker-eth1-1", "worker-eth1-2"}, Processors: []int{3, 4}, FanoutID: 362},
		}},
		{Name: "workers none", Line: 6, Groups: []clusterfile.Group{{Instance: "s", Interface: "virt", Nodes: []mgmt.NodeName{"worker-virt-1"}}}},
	}
	if diff := cmp.Diff(want, got.Templates); diff != "" {
		t.Errorf("templates (-want +got):\n%s", diff)
	}
}

func TestTemplatesRefused(t *testing.T) {
	const base = "[workers a]\ninstance = s\ninterface = eth0\n"
	for text, want := range map[string]string{
		base: `c.ini:1: [workers a]: it needs "workers": a number for each interface, or auto`,
		"[workers a]\ninstance = s\nworkers = 1\n":                                                                  `c.ini:1: [workers a]: it needs an "interface", such as eth0, or several of them`,
		base + "workers = 0\n":                                                                                      `c.ini:4: [workers a]: "workers" is "0", and should be a number from 1 to 1024, or auto`,
		base + "workers = some\n":                                                                                   `c.ini:4: [workers a]: "workers" is "some", and should be a number from 1 to 1024, or auto`,
		base + "workers = 1 2\n":                                                                                    `c.ini:4: [workers a]: "workers" is "1 2", and should be one word`,
		base + "workers = 1 # one\n":                                                                                `c.ini:4: [workers a]: "# one" would be part of the value: a comment needs a line of its own`,
		base + "workers =\n":                                                                                        `c.ini:4: [workers a]: "workers" has no value`,
		base + "workers = 1\npin_cpus = 4-2\n":                                                                      `c.ini:5: [workers a]: "4-2" is no list of processors: write it as 2-9,12 with numbers below 1024, or auto`,
		base + "workers = 1\npin_cpus = ,\n":                                                                        `c.ini:5: [workers a]: "pin_cpus" has no value: write it as 2-9,12 or auto`,
		base + "workers = 1\nlb_method = afpacket\n":                                                                `c.ini:5: [workers a]: "lb_method" is "afpacket"; did you mean "af_packet"?`,
		base + "workers = 1\nlb_method = none\nfanout_id = 3\n":                                                     `c.ini:6: [workers a]: "fanout_id" is for lb_method af_packet, and this template has none`,
		base + "workers = 1\nfanout_id = 65536\n":                                                                   `c.ini:5: [workers a]: "fanout_id" is "65536", and should be a number from 1 to 65535`,
		base + "workers = 1\nfanout_mode = rr\n":                                                                    `c.ini:5: [workers a]: "fanout_mode" can be hash, cpu, qm, cbpf, ebpf`,
		base + "workers = 1\nring_size = big\n":                                                                     `c.ini:5: [workers a]: "ring_size" is "big", and should be a size such as 128MiB, from 65536 to 68719476736 bytes`,
		base + "workers = 1\nring_size = 1MiB\nblock_size = 2MiB\n":                                                 `c.ini:5: [workers a]: "ring_size" is 1048576 bytes, less than one block of 2097152 bytes`,
		base + "workers = 1\nblock_size = 5000\n":                                                                   `c.ini:5: [workers a]: "block_size" is 5000 bytes, and should be a multiple of 4KiB, the size of a page`,
		base + "workers = 1\nblock_timeout = 10\n":                                                                  `c.ini:5: [workers a]: "block_timeout" is "10", and should be a time such as 10ms, from 1 to 10000 ms`,
		base + "workers = 1\nmetrics_port = 1\n":                                                                    `c.ini:5: [workers a]: a template has no "metrics_port": several workers cannot share a port; the controller gives each its own`,
		base + "workers = 1\ncpu_affinity = 1\n":                                                                    `c.ini:5: [workers a]: a template has no "cpu_affinity": set "pin_cpus", which gives each worker a processor of its own`,
		base + "role = worker\nworkers = 1\n":                                                                       `c.ini:4: [workers a]: a template has no "role": the nodes of a template are workers: remove it, or name the section otherwise`,
		base + "worker = 1\n":                                                                                       `c.ini:4: [workers a]: unknown key "worker"; did you mean "workers"?`,
		base + "lb_procs = 1\n":                                                                                     `c.ini:4: [workers a]: unknown key "lb_procs", which is zeekctl's: set "workers"`,
		base + "workers = 1\naf_packet_buffer_size = 1\n":                                                           `c.ini:5: [workers a]: unknown key "af_packet_buffer_size", which is zeekctl's: set "ring_size"`,
		base + "workers = 1\nscripts = 'x\n":                                                                        `c.ini:5: [workers a]: No closing quotation`,
		base + "workers = 1\nredefs = x\n":                                                                          `c.ini:5: [workers a]: redefs: "x" is no assignment: write NAME=VALUE, such as AF_Packet::fanout_id=5`,
		base + "workers = 1\nredefs = AF_Packet::fanout_id=1\n":                                                     `c.ini:5: [workers a]: set "fanout_id" in place of AF_Packet::fanout_id in "redefs"`,
		base + "workers = 1\nring_size = 1MiB\nredefs = AF_Packet::buffer_size=1\n":                                 `c.ini:6: [workers a]: "redefs" sets AF_Packet::buffer_size, which a key of the template sets, too: keep one of them`,
		base + "workers = 1\n[worker-eth0-1]\nrole = worker\ninstance = s\n":                                        `c.ini:1: [workers a]: it makes node "worker-eth0-1", which [worker-eth0-1] on line 5 is or makes, too: set "name" to another text, or write "instances" in place of "instance", and names begin with that of the instance`,
		base + "workers = 1\n[workers b]\ninstance = t\ninterface = eth0\nworkers = 1\n":                            `c.ini:5: [workers b]: it makes node "worker-eth0-1", which [workers a] on line 1 is or makes, too: set "name" to another text, or write "instances" in place of "instance", and names begin with that of the instance`,
		base + "workers = 1\nname = .x\n":                                                                           `c.ini:5: [workers a]: node ".x-1": names must not start with '.'`,
		base + "workers = 1\ninterface_prefix = x\n":                                                                `c.ini:5: [workers a]: "interface_prefix" is for lb_method custom, and this template has af_packet`,
		"[DEFAULT]\nport = 1\n" + base + "workers = 1\n":                                                            `c.ini:2: [workers a]: [DEFAULT] sets "port" for it, too, and a template has none: several workers cannot share a port, and workers need none`,
		"[workers a]\ninstance = s\ninterface = af_packet::eth0\nworkers = 1\n":                                     `c.ini:3: [workers a]: with lb_method af_packet, write interface "af_packet::eth0" without the text before "::": eth0`,
		"[workers a]\ninstance = s\ninterface = eth0 eth0\nworkers = 1\n":                                           `c.ini:3: [workers a]: interface "eth0" is there twice`,
		"[workers a]\ninstance = s\ninterface = eth0 eth1\nworkers = 1\nfanout_id = 3\n":                            `c.ini:5: [workers a]: a fan-out ID is for one interface, and this template has 2: write a template for each, or leave the choice to zeekfleet`,
		"[workers a]\ninstance = s\ninterface = eth0 eth1\nworkers = 3\nlb_method = interfaces\n":                   `c.ini:4: [workers a]: "workers" is 3, and lb_method interfaces makes one worker for each interface: remove it`,
		"[workers a]\ninstances = s*\ninterface = eth0\nworkers = 1\n":                                              `c.ini:2: [workers a]: "instances" selects names from [instances], which is not in this file: list the instances there, or set "instance"`,
		"[instances]\nsensor\n[workers a]\ninstances = sensr\ninterface = eth0\nworkers = 1\n":                      `c.ini:4: [workers a]: "sensr" is the name of no instance in [instances]; did you mean "sensor"?`,
		"[instances]\nsensor\n[workers a]\ninstances = [\ninterface = eth0\nworkers = 1\n":                          `c.ini:4: [workers a]: "[" is no pattern: a '[' has no ']', or a '\' ends it`,
		"[instances]\ns\n[workers a]\ninstances = s\ninstance = s\ninterface = eth0\nworkers = 1\n":                 `c.ini:5: [workers a]: "instance" and "instances" exclude each other: keep one`,
		base + "workers = 1\nfanout_id = 3\n[workers b]\ninstance = s\ninterface = e\nworkers = 1\nfanout_id = 3\n": `c.ini:10: [workers b]: fan-out ID 3 is that of interface "eth0" (line 1) on instance 's': the kernel refuses it for two interfaces`,
		base + "workers = auto\nname = x\n[workers b]\ninstance = s\ninterface = eth9\nworkers = auto\n":            `c.ini:8: [workers b]: instance 's' has no interface "eth9"; there are eth0, eth1, eth2, virt`,
		base + "workers = 7\npin_cpus = auto\n":                                                                     `c.ini:5: [workers a]: 7 workers on "eth0" of instance 's' need a processor each, and 6 are free near that interface: write fewer workers, or list processors in place of auto`,
		base + "workers = 3\npin_cpus = auto\n[workers b]\ninstance = s\ninterface = eth0\nworkers = auto\npin_cpus = auto\nname = b\n": `c.ini:9: [workers b]: no processor near "eth0" of instance 's' is left for it: write numbers in place of auto, or fewer workers elsewhere`,
		"[workers a]\ninstance = old\ninterface = eth0\nworkers = auto\n":                                                               `c.ini:4: [workers a]: what "workers = auto" means depends on the host of instance 'old': its agent does not say what the host has; or write numbers in place of auto`,
		"[workers a]\ninstance = s\ninterface = " + strings.Repeat("e", 121) + "\nworkers = 1\n":                                        `c.ini:1: [workers a]: node "worker-eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee…": names must not be longer than 128 bytes`,
	} {
		_, err := clusterfile.Parse("c.ini", []byte(text), clusterfile.Options{Hostname: "h", Hardware: twoSockets})
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
	_, err := clusterfile.Parse("c.ini", []byte(base+"workers = 2\npin_cpus = auto\n"), clusterfile.Options{})
	if want := `c.ini:5: [workers a]: what "pin_cpus = auto" means depends on the host of instance 's', which is not asked here: write numbers in place of auto`; err == nil || err.Error() != want {
		t.Errorf("without hardware:\n got %v\nwant %s", err, want)
	}
}

// A check on one host knows nothing of the others.
func TestTemplatesOfInstancesThatDoNotMatter(t *testing.T) {
	text := "[instances]\ns\nt\n[workers]\ninstances = *\ninterface = eth0\nworkers = auto\npin_cpus = auto\nlb_method = none\n[workers b]\ninstances = *\ninterface = eth1\nworkers = 2\npin_cpus = auto\nlb_method = none\n"
	got, err := clusterfile.Parse("c", []byte(text), clusterfile.Options{Hardware: func(name mgmt.InstanceName) (mgmt.Hardware, error) {
		if name == "t" {
			return mgmt.Hardware{}, clusterfile.ErrElsewhere
		}
		return twoSockets(name)
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := "s-worker-eth0-1@s eth0 cpu=1\ns-worker-eth0-2@s eth0 cpu=2\ns-worker-eth0-3@s eth0 cpu=3\nt-worker-eth0-1@t eth0\n" +
		"s-worker-eth1-1@s eth1 cpu=5\ns-worker-eth1-2@s eth1 cpu=6\nt-worker-eth1-1@t eth1\nt-worker-eth1-2@t eth1\n"
	if diff := cmp.Diff(want, workers(got.Config.Nodes)); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

// On a page nobody can mean the local host.
func TestTemplatesThatMustNameInstances(t *testing.T) {
	_, err := clusterfile.Parse("c", []byte("[workers]\ninterface = eth0\nworkers = auto\n"), clusterfile.Options{NameInstances: true})
	if want := `c:1: [workers] lacks "instance" or "instances": name the instances that run its workers`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A few lines could make more nodes than a cluster has.
func TestTemplatesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("[instances]\n")
	for i := range 20 {
		fmt.Fprintf(&b, "s%d\n", i)
	}
	b.WriteString("[workers a]\ninstances = *\ninterface = eth0\nworkers = 1024\n")
	_, err := clusterfile.Parse("c", []byte(b.String()), clusterfile.Options{})
	if want := `c:25: [workers a]: with it the file has more than 20000 nodes`; err == nil || err.Error() != want {
		t.Errorf("nodes: got %v, want %s", err, want)
	}
	var many strings.Builder
	for i := range 256 {
		fmt.Fprintf(&many, " e%d", i)
	}
	var list strings.Builder
	list.WriteString("[instances]\n")
	for i := range 100 {
		fmt.Fprintf(&list, "s%d\n", i)
	}
	for text, want := range map[string]string{
		list.String() + "[workers a]\ninstances = *\ninterface =" + many.String() + "\nworkers = auto\n":           `c:105: [workers a]: with it the file has more than 20000 nodes`,
		"[workers a]\ninstance = s\ninterface = x" + many.String() + "\nworkers = 1\n":                             `c:3: [workers a]: it has 257 interfaces, and at most 256 are possible`,
		list.String() + "[workers a]\ninstances = " + strings.Repeat("* ", 257) + "\ninterface = x\nworkers = 1\n": `c:103: [workers a]: "instances" has 257 words, and at most 256 are possible`,
	} {
		_, err := clusterfile.Parse("c", []byte(text), clusterfile.Options{Hardware: func(mgmt.InstanceName) (mgmt.Hardware, error) {
			t.Error("the hardware was asked for")
			return mgmt.Hardware{}, nil
		}})
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	text := "[workers a]\ninstance = s\ninterface = eth0\nworkers = 100\nscripts = " + strings.Repeat("x", 1000) + "\n"
	_, err = clusterfile.Parse("c", []byte(text), clusterfile.Options{MaxValues: 50_000})
	if want := `c:1: "workers": all values together, with what sections inherit, have more than 50000 bytes`; err == nil || err.Error() != want {
		t.Errorf("values: got %v, want %s", err, want)
	}
}

// zeek-client takes a template for a node without a role.
func TestTemplatesAsZeekClient(t *testing.T) {
	_, err := clusterfile.Parse("c.ini", []byte("[workers a]\ninterface = eth0\nworkers = 2\n"), clusterfile.Options{AsZeekClient: true})
	if want := `c.ini:1: invalid node "workers a" configuration: node requires a role`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
