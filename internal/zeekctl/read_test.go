package zeekctl_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// files are zeekctl's files with these texts.
func files(nodes, options, networks string) zeekctl.Files {
	f := zeekctl.Files{Node: zeekctl.File{Name: "node.cfg", Text: []byte(nodes)}}
	if options != "" {
		f.Options = zeekctl.File{Name: "zeekctl.cfg", Text: []byte(options)}
	}
	if networks != "" {
		f.Networks = zeekctl.File{Name: "networks.cfg", Text: []byte(networks)}
	}
	return f
}

// cluster is a node.cfg with a manager and a proxy, in 8 lines.
const cluster = "[manager]\ntype=manager\nhost=localhost\n\n[proxy-1]\ntype=proxy\nhost=localhost\n\n"

func worker(lines string) string { return cluster + "[w]\ntype=worker\nhost=localhost\n" + lines }

// What zeekctl refuses is one clear error with file and line.
func TestMistakes(t *testing.T) {
	for name, tt := range map[string]struct{ nodes, options, networks, want string }{
		"nothing":                       {nodes: "# nothing\n", want: `node.cfg: no node in it`},
		"no section":                    {nodes: "type=worker\n", want: `node.cfg:1: "type=worker" stands before the first section`},
		"a key without value":           {nodes: "[a]\ntype\n", want: `node.cfg:2: "type" lacks an equals sign`},
		"a section twice":               {nodes: cluster + "[manager]\n", want: `node.cfg:9: section [manager] is already defined on line 1`},
		"no type":                       {nodes: "[a]\nhost=x\n", want: `node.cfg:1: [a] has no type: it can be standalone, logger, manager, proxy, worker`},
		"an unknown type":               {nodes: "[a]\nhost=x\ntype=sensor\n", want: `node.cfg:3: [a]: unknown type "sensor": it can be standalone, logger, manager, proxy, worker`},
		"no host":                       {nodes: "[a]\ntype=worker\n", want: `node.cfg:1: [a] has no host`},
		"no manager":                    {nodes: "[a]\ntype=proxy\nhost=x\n", want: `node.cfg: no manager in it, and nothing standalone`},
		"no proxy":                      {nodes: "[a]\ntype=manager\nhost=x\n", want: `node.cfg: no proxy in it: zeekctl does not run a cluster without one`},
		"two managers":                  {nodes: cluster + "[b]\ntype=manager\nhost=localhost\n", want: `node.cfg:9: [b] is a second manager, beside [manager] (line 1)`},
		"standalone and more":           {nodes: "[a]\ntype=standalone\nhost=localhost\n[b]\ntype=proxy\nhost=localhost\n", want: `node.cfg:1: [a] is standalone, and not the only node`},
		"a host that cannot reach":      {nodes: cluster + "[w]\ntype=worker\nhost=10.0.0.1\n", want: `node.cfg:11: [w] is on 10.0.0.1, and the manager on localhost, which other hosts cannot reach: zeekctl refuses that`},
		"names that differ in case":     {nodes: cluster + "[MANAGER]\ntype=worker\nhost=localhost\n", want: `node.cfg:9: [MANAGER]: its node "MANAGER" has the name of a node of [manager] (line 1): zeekctl does not distinguish capital letters`},
		"a name that lb_procs makes":    {nodes: worker("lb_procs=2\nlb_method=pf_ring\n[w-2]\ntype=worker\nhost=localhost\n"), want: `node.cfg:14: [w-2]: its node "w-2" has the name of a node of [w] (line 9): zeekctl does not distinguish capital letters`},
		"lb_procs of a proxy":           {nodes: cluster + "[p]\ntype=proxy\nhost=localhost\nlb_procs=2\nlb_method=pf_ring\n", want: `node.cfg:12: [p]: lb_procs is for workers only`},
		"lb_procs zero":                 {nodes: worker("lb_procs=0\nlb_method=pf_ring\n"), want: `node.cfg:12: [w]: lb_procs 0 is outside 1 to 20000`},
		"lb_procs no number":            {nodes: worker("lb_procs=two\nlb_method=pf_ring\n"), want: `node.cfg:12: [w]: lb_procs "two" is not a number`},
		"too many":                      {nodes: worker("lb_procs=20000\nlb_method=pf_ring\n"), want: `node.cfg:12: more than 20000 processes`},
		"a method alone":                {nodes: worker("lb_method=pf_ring\n"), want: `node.cfg:12: [w]: lb_method has no effect without lb_procs, and zeekctl refuses it: say how many processes there are`},
		"no method":                     {nodes: worker("lb_procs=2\n"), want: `node.cfg:12: [w]: lb_procs needs an lb_method: af_packet, pf_ring, myricom, custom, interfaces`},
		"an unknown method":             {nodes: worker("lb_procs=2\nlb_method=magic\n"), want: `node.cfg:13: [w]: unknown lb_method "magic": it can be af_packet, pf_ring, myricom, custom, interfaces`},
		"no interfaces":                 {nodes: worker("lb_procs=2\nlb_method=interfaces\n"), want: `node.cfg:13: [w]: lb_method = interfaces needs lb_interfaces`},
		"too few interfaces":            {nodes: worker("lb_procs=2\nlb_method=interfaces\nlb_interfaces=a\n"), want: `node.cfg:14: [w]: lb_interfaces has 1 interfaces, and lb_procs is 2: zeekctl wants one for each process`},
		"a prefix that is there":        {nodes: worker("lb_procs=2\nlb_method=af_packet\ninterface=af_packet::eth0\n"), want: `node.cfg:14: [w]: zeekctl refuses an interface with af_packet:: for lb_method = af_packet: write interface = eth0`},
		"a processor below zero":        {nodes: worker("pin_cpus=1,-1\n"), want: `node.cfg:12: [w]: pin_cpus: "-1" is not the number of a processor`},
		"a range of processors":         {nodes: worker("pin_cpus=1-3\n"), want: `node.cfg:12: [w]: pin_cpus: "1-3" is not the number of a processor`},
		"a comma in quotes":             {nodes: worker("env_vars=A=\"1,2\"\n"), want: `node.cfg:12: [w]: env_vars: "2"" lacks an equals sign: zeekctl splits at every comma`},
		"a variable without name":       {nodes: worker("env_vars==1\n"), want: `node.cfg:12: [w]: env_vars: "=1" lacks the name of a variable`},
		"blanks without quotes":         {nodes: worker("env_vars=A=1 2\n"), want: `node.cfg:12: [w]: zeekctl's shell makes 2 words of "A=1 2": put the value in quotes`},
		"a variable of the shell":       {nodes: worker("env_vars=A=$HOME/x\n"), want: `node.cfg:12: [w]: zeekctl's shell acts on the $ in "A=$HOME/x": quote it, or remove it`},
		"a command":                     {nodes: worker("aux_scripts=x; rm\n"), want: `node.cfg:12: [w]: aux_scripts: zeekctl's shell acts on the ; in "x; rm": quote it, or remove it`},
		"a reference to nothing":        {nodes: worker("interface=%(x)s\n"), want: `node.cfg:12: "interface" refers to "x", which has no value`},
		"an option without sign":        {nodes: cluster, options: "\nDebug\n", want: `zeekctl.cfg:2: "Debug" lacks an equals sign`},
		"an option in quotes":           {nodes: cluster, options: "MailTo = \"x\"\n", want: `zeekctl.cfg:1: mailto: zeekctl refuses a value in quotes: remove them`},
		"an old name":                   {nodes: cluster, options: "BroPort = 1\n", want: `zeekctl.cfg:1: zeekctl no longer knows BroPort: the option is called ZeekPort`},
		"an option that cannot be":      {nodes: cluster, options: "9lives = 1\n", want: `zeekctl.cfg:1: "9lives" cannot be the name of an option: it may have letters, digits, dots and _, and begins with no digit`},
		"a number that is none":         {nodes: cluster, options: "StopTimeout = soon\n", want: `zeekctl.cfg:1: stoptimeout: "soon" is not a number`},
		"neither true nor false":        {nodes: cluster, options: "CompressLogs = yes\n", want: `zeekctl.cfg:1: compresslogs: "yes" is neither 1 nor 0`},
		"an unknown type of PF_RING":    {nodes: worker("lb_procs=1\nlb_method=pf_ring\n"), options: "PFRINGClusterType = 3-tuple\n", want: `zeekctl.cfg:1: PFRINGClusterType "3-tuple" is unknown`},
		"variables in zeekctl.cfg":      {nodes: cluster, options: "env_vars = A\n", want: `zeekctl.cfg:1: env_vars: "A" lacks an equals sign: zeekctl splits at every comma`},
		"a network that is none":        {nodes: cluster, networks: "# x\n10.0.0.0 office\n", want: `networks.cfg:2: "10.0.0.0" is not a network such as 192.168.0.0/16`},
		"a file that is larger than it": {nodes: strings.Repeat("#", zeekctl.MaxFile+1), want: `node.cfg: more than 4194304 bytes`},
		"bytes":                         {nodes: "[a]\x00\n", want: `node.cfg:1: not a text file: it holds the byte 0x00`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := zeekctl.Read(files(tt.nodes, tt.options, tt.networks), "/opt/zeek")
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestOptionsHaveDefaultsThatReferToOthers(t *testing.T) {
	s, err := zeekctl.Read(files(cluster, "SpoolDir = /data/spool\nLogDir = ${ZeekBase}/old\n", ""), "/opt/zeek")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"StateFile": "/data/spool/state.db", "Zeek": "/opt/zeek/bin/zeek", "SitePolicyPath": "/opt/zeek/share/zeek/site",
		"statsdir": "${ZeekBase}/old/stats", "ZeekPort": "27760", "NoSuchOption": "",
	} {
		if got := s.Option(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Whatever the files hold, Read returns, and an error names a file.
func FuzzRead(f *testing.F) {
	f.Add(worker("interface=eth0\nlb_procs=2\nlb_method=pf_ring\npin_cpus=1,2\nenv_vars=A=1,B='x y'\n"), "PFRINGClusterID=5\nenv_vars=C=3\n", "10.0.0.0/8 x\n")
	f.Add("[DEFAULT]\nhost=a\n[z]\ntype=standalone\naf_packet.fanout_id=%(host)s\n", "MailTo=x\nLogExpireInterval=3 days\n", "")
	f.Add(worker("lb_interfaces=a,b\nlb_procs=2\nlb_method=interfaces\n"), "lb_custom.InterfacePrefix=x\n", "fd00::/8\n")
	f.Fuzz(func(t *testing.T, nodes, options, networks string) {
		s, err := zeekctl.Read(files(nodes, options, networks), "/opt/zeek")
		if err != nil {
			if m := err.Error(); !strings.Contains(m, ".cfg") || strings.ContainsAny(m, "\n\r") {
				t.Fatalf("an error without a file, or of several lines: %q", m)
			}
			return
		}
		if len(s.Processes) == 0 {
			t.Fatal("no processes, and no error")
		}
		for _, o := range zeekctl.Options {
			_ = s.Option(o.Name)
		}
		if _, err := s.ExpireMinutes(); err != nil && !strings.Contains(err.Error(), "LogExpireInterval") {
			t.Fatal(err)
		}
	})
}
