package clusterfile_test

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var clusterOptions = []cmp.Option{
	cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(mgmt.Configuration{}, "ID"),
}

// agent is an instance whose agent dials the controller.
func agent(name mgmt.InstanceName) mgmt.Instance {
	return mgmt.Instance{Name: name, Host: mgmt.UnknownHost}
}

// dialed is an instance whose agent the controller dials.
func dialed(name mgmt.InstanceName, host string, port uint16) mgmt.Instance {
	return mgmt.Instance{Name: name, Host: netip.MustParseAddr(host), ListenPort: new(mgmt.TCPPort(port))}
}

func node(name mgmt.NodeName, instance mgmt.InstanceName, role mgmt.ClusterRole) mgmt.Node {
	return mgmt.Node{Name: name, Instance: instance, Role: role, State: mgmt.Running}
}

var worker = node("w", "i", mgmt.Worker)

// clusterFiles are cluster files and what is read from them.
var clusterFiles = map[string]struct {
	text         string
	asZeekClient bool
	want         mgmt.Configuration
	warnings     []string
}{
	"every key of the specification's example": {
		text: `[instances]
agent-east = 192.0.2.10:2151
agent-west

[m]
instance = agent-east
role = manager
port = 2200

[sniff-a]
instance = agent-west
role = worker
interface = af_packet::ens5
cpu_affinity = 3
env = REGION=west LABEL="rack 7"
scripts = site/extra.zeek "site/with blank.zeek"
metrics_port: 9_001
`,
		want: mgmt.Configuration{
			Instances: []mgmt.Instance{dialed("agent-east", "192.0.2.10", 2151), agent("agent-west")},
			Nodes: []mgmt.Node{
				{Name: "m", Instance: "agent-east", Role: mgmt.Manager, State: mgmt.Running, Port: new(mgmt.TCPPort(2200))},
				{
					Name: "sniff-a", Instance: "agent-west", Role: mgmt.Worker, State: mgmt.Running,
					Interface: new("af_packet::ens5"), CPUAffinity: new(int64(3)),
					Env:     map[string]string{"REGION": "west", "LABEL": "rack 7"},
					Scripts: []string{"site/extra.zeek", "site/with blank.zeek"}, MetricsPort: new(mgmt.TCPPort(9001)),
				},
			},
		},
	},
	"an empty instances section says that nothing shall run": {text: "[instances]\n", want: mgmt.Configuration{}},
	"IPv6 addresses need no brackets": {
		text: "[instances]\na = [2001:db8::1]:2151\nb = 2001:db8::2:2151\nc =  192.0.2.1 : 1\n",
		want: mgmt.Configuration{Instances: []mgmt.Instance{
			dialed("a", "2001:db8::1", 2151), dialed("b", "2001:db8::2", 2151), dialed("c", "192.0.2.1", 1),
		}},
	},
	"without an instances section nodes imply the instances, sorted": {
		text: "[b]\nrole=logger\ninstance=y\n[a]\nrole=worker\ninstance=x\n[c]\nrole=proxy\ninstance=y\n",
		want: mgmt.Configuration{
			Instances: []mgmt.Instance{agent("x"), agent("y")},
			Nodes:     []mgmt.Node{node("b", "y", mgmt.Logger), node("a", "x", mgmt.Worker), node("c", "y", mgmt.Proxy)},
		},
	},
	"nodes without an instance run on the local instance": {
		text: "[m]\nrole = manager\n",
		want: mgmt.Configuration{
			Instances: []mgmt.Instance{agent("agent-host-1")},
			Nodes:     []mgmt.Node{node("m", "agent-host-1", mgmt.Manager)},
		},
	},
	"roles in any case, qualified in Zeek's or Python's way": {
		text: "[a]\nROLE = Supervisor::Worker\n[b]\nrole = ClusterRole.LOGGER\n[c]\nrole = None\n",
		want: mgmt.Configuration{
			Instances: []mgmt.Instance{agent("agent-host-1")},
			Nodes: []mgmt.Node{
				node("a", "agent-host-1", mgmt.Worker), node("b", "agent-host-1", mgmt.Logger), node("c", "agent-host-1", mgmt.ClusterNone),
			},
		},
	},
	"type stands in for role": {
		text: "[instances]\ni\n[w]\ninstance=i\ntype=worker\n",
		want: mgmt.Configuration{Instances: []mgmt.Instance{agent("i")}, Nodes: []mgmt.Node{worker}},
	},
	"names of instances keep their case": {
		text: "[instances]\nI-1\ni-1\n[w]\ninstance=I-1\nrole=worker\n",
		want: mgmt.Configuration{
			Instances: []mgmt.Instance{agent("I-1"), agent("i-1")}, Nodes: []mgmt.Node{node("w", "I-1", mgmt.Worker)},
		},
	},
	"a file that worked because zeek-client folds names still works, and says so": {
		text:     "[instances]\nI\n[w]\ninstance=i\nrole=worker\n",
		want:     mgmt.Configuration{Instances: []mgmt.Instance{agent("i")}, Nodes: []mgmt.Node{worker}},
		warnings: []string{`c.ini:2: instance "I" is taken as "i", as nodes name it: write both alike`},
	},
	"as zeek-client keys without effect are named as by zeek-client": {
		text:         "[instances]\ni\n[w]\ninstance=i\nrole=worker\nlb_procs=4\ninterfcae=lo\nstate=stopped\ntype=logger\n",
		asZeekClient: true,
		want:         mgmt.Configuration{Instances: []mgmt.Instance{agent("i")}, Nodes: []mgmt.Node{worker}},
		warnings: []string{
			`ignoring node "w" state "stopped" in configuration`,
			"ignoring unexpected keys: interfcae, lb_procs, state, type",
		},
	},
	"an entry of DEFAULT whose key is no key of nodes is an instance as zeek-client": {
		text:         "[DEFAULT]\ninstance = i\ninterface = lo\nbase = /opt\nspare =\n[instances]\ni\n[w]\nrole=worker\nscripts=%(base)s/x\n",
		asZeekClient: true,
		want: mgmt.Configuration{
			Instances: []mgmt.Instance{agent("spare"), agent("i")},
			Nodes: []mgmt.Node{{
				Name: "w", Instance: "i", Role: mgmt.Worker, State: mgmt.Running, Interface: new("lo"), Scripts: []string{"/opt/x"},
			}},
		},
		warnings: []string{"ignoring unexpected keys: base, spare"},
	},
	"only a whole line is a comment": {
		text:         "# x\n[instances]\n  ; y\ni\n[w]\ninstance=i\n#role=logger\nrole=worker\ninterface = lo ; not a comment\n",
		asZeekClient: true,
		want: mgmt.Configuration{Instances: []mgmt.Instance{agent("i")}, Nodes: []mgmt.Node{{
			Name: "w", Instance: "i", Role: mgmt.Worker, State: mgmt.Running, Interface: new("lo ; not a comment"),
		}}},
		warnings: []string{`c.ini:9: "; not a comment" is taken as part of the value: a comment needs a line of its own`},
	},
	"indented lines continue a value, comments and empty lines between them or not": {
		text: "[w]\nrole = worker\nscripts = b\n  # first\n  a\n\n  \"c d\"\nenv =\n  A=1\n  A=2 B='x y' C=\\ z D=\n",
		want: mgmt.Configuration{Instances: []mgmt.Instance{agent("agent-host-1")}, Nodes: []mgmt.Node{{
			Name: "w", Instance: "agent-host-1", Role: mgmt.Worker, State: mgmt.Running, Scripts: []string{"a", "b", "c d"},
			Env: map[string]string{"A": "2", "B": "x y", "C": " z", "D": ""},
		}}},
	},
	"references and percent signs": {
		text:         "[w]\nrole = worker\ninterface = %(x)s%%\nx = <%(role)s>\n",
		asZeekClient: true,
		want: mgmt.Configuration{Instances: []mgmt.Instance{agent("agent-host-1")}, Nodes: []mgmt.Node{{
			Name: "w", Instance: "agent-host-1", Role: mgmt.Worker, State: mgmt.Running, Interface: new("<worker>%"),
		}}},
		warnings: []string{"ignoring unexpected keys: x"},
	},
	"a byte order mark, line ends of other systems, and what follows a header": {
		text:         "\ufeff[instances] here\r\ni\r\n[w]\rinstance=i\rrole=worker",
		asZeekClient: true,
		want:         mgmt.Configuration{Instances: []mgmt.Instance{agent("i")}, Nodes: []mgmt.Node{worker}},
	},
	"text behind a value that looks like a comment is part of the value": {
		text:         "[w]\nrole = worker\ninterface = eth0 # mirror\nscripts = a;b c ; d\n",
		asZeekClient: true,
		want: mgmt.Configuration{Instances: []mgmt.Instance{agent("agent-host-1")}, Nodes: []mgmt.Node{{
			Name: "w", Instance: "agent-host-1", Role: mgmt.Worker, State: mgmt.Running, Interface: new("eth0 # mirror"),
			Scripts: []string{";", "a;b", "c", "d"},
		}}},
		warnings: []string{
			`c.ini:3: "# mirror" is taken as part of the value: a comment needs a line of its own`,
			`c.ini:4: "; d" is taken as part of the value: a comment needs a line of its own`,
		},
	},
	"a key without value counts as absent, and an empty value as a value": {
		text: "[w]\nrole=worker\nport\ninterface=\nscripts=\nenv\n",
		want: mgmt.Configuration{Instances: []mgmt.Instance{agent("agent-host-1")}, Nodes: []mgmt.Node{{
			Name: "w", Instance: "agent-host-1", Role: mgmt.Worker, State: mgmt.Running, Interface: new(""),
		}}},
		warnings: []string{`c.ini:3: "port" has no value, and no effect`, `c.ini:6: "env" has no value, and no effect`},
	},
	"an unknown key is allowed if a value refers to it": {
		text: "[DEFAULT]\nbase = /opt\n[w]\nrole = worker\ninterface = %(x)s%%\nx = <%(role)s>\nscripts = %(base)s/a\n",
		want: mgmt.Configuration{Instances: []mgmt.Instance{agent("agent-host-1")}, Nodes: []mgmt.Node{{
			Name: "w", Instance: "agent-host-1", Role: mgmt.Worker, State: mgmt.Running, Interface: new("<worker>%"), Scripts: []string{"/opt/a"},
		}}},
	},
	"an unused entry of DEFAULT is a warning, and no instance": {
		text:     "[DEFAULT]\ninstance = i\nspare =\n[instances]\ni\n[w]\nrole=worker\n",
		want:     mgmt.Configuration{Instances: []mgmt.Instance{agent("i")}, Nodes: []mgmt.Node{worker}},
		warnings: []string{`c.ini:3: [DEFAULT]: "spare" is no key of nodes, and no value refers to it`},
	},
	"a comment behind a header is allowed, and one in env is a warning": {
		text: "[w] # mirror\nrole = worker\nenv = A=\"x # y\"\n",
		want: mgmt.Configuration{Instances: []mgmt.Instance{agent("agent-host-1")}, Nodes: []mgmt.Node{{
			Name: "w", Instance: "agent-host-1", Role: mgmt.Worker, State: mgmt.Running, Env: map[string]string{"A": "x # y"},
		}}},
		warnings: []string{`c.ini:3: "# y"" is taken as part of the value: a comment needs a line of its own`},
	},
	"an instance that is not listed is a warning with its line": {
		text:     "[instances]\nsensor-2\n[w]\nrole = worker\ninstance = sensor-22\n",
		want:     mgmt.Configuration{Instances: []mgmt.Instance{agent("sensor-2")}, Nodes: []mgmt.Node{node("w", "sensor-22", mgmt.Worker)}},
		warnings: []string{`c.ini:5: instance "sensor-22" is not listed in [instances]; did you mean "sensor-2"?`},
	},
}

func TestParse(t *testing.T) {
	for name, tt := range clusterFiles {
		t.Run(name, func(t *testing.T) {
			got, err := clusterfile.Parse("c.ini", []byte(tt.text), clusterfile.Options{Hostname: "host-1", AsZeekClient: tt.asZeekClient})
			if err != nil {
				t.Fatalf("Parse: %v", err)
			}
			if diff := cmp.Diff(tt.want, got.Config, clusterOptions...); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.warnings, got.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
			if _, err := uuid.Parse(got.Config.ID); err != nil {
				t.Errorf("ID %q: %v", got.Config.ID, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	node := func(lines string) string { return "[instances]\ni\n[w]\ninstance = i\n" + lines }
	tests := map[string]struct{ text, want string }{
		"an empty file":                          {"", "c.ini: no section in it: to run nothing, give a file with an empty [instances] section"},
		"a file of comments":                     {"# nothing\n", "c.ini: no section in it: to run nothing, give a file with an empty [instances] section"},
		"text before any section":                {"\nrole = worker\n", `c.ini:2: "role = worker" stands before the first section`},
		"a binary file":                          {"\x7fELF\x02\x01", "c.ini:1: not a text file: it holds the byte 0x7f"},
		"a NUL":                                  {"[w]\nrole=\x00", "c.ini:2: not a text file: it holds the byte 0x00"},
		"text that is not UTF-8":                 {"[w]\nrole=\xff", "c.ini:2: not a text file: it holds the byte 0xff"},
		"a duplicate node":                       {node("role=worker\n[w]\n"), "c.ini:6: section [w] is already defined on line 3"},
		"a duplicate instance":                   {"[instances]\na\na=192.0.2.1:1\n", `c.ini:3: "a" is already set in section [instances] on line 2`},
		"a duplicate key":                        {node("role=worker\nRole=logger\n"), `c.ini:6: "role" is already set in section [w] on line 5`},
		"a value without a key":                  {node("= worker\n"), `c.ini:5: "= worker" lacks a name`},
		"a header without a name":                {"[instances]\n[]\n", `c.ini:2: "[]" lacks a name`},
		"an indented instance":                   {"[instances]\na\n  b\n", `c.ini:3: "b" continues "a", which has no value: remove the blanks before it`},
		"an instance without port":               {"[instances]\na = 192.0.2.1\n", `c.ini:2: invalid spec for instance "a": "192.0.2.1" should be <host>:<port>`},
		"an instance without host":               {"[instances]\na = :1\n", `c.ini:2: invalid spec for instance "a": ":1" should be <host>:<port>`},
		"an instance by host name":               {"[instances]\na = example:1\n", `c.ini:2: invalid spec for instance "a": "example:1" should be <host>:<port>: "example" is not an IP address`},
		"an instance's bad port":                 {"[instances]\na = ::1:x\n", `c.ini:2: invalid spec for instance "a": "::1:x" should be <host>:<port>: "x" is not a port`},
		"an instance's large port":               {"[instances]\na = ::1:65536\n", `c.ini:2: invalid spec for instance "a": "::1:65536" should be <host>:<port>: port 65536 outside valid range`},
		"an address with a zone":                 {"[instances]\na = fe80::1%%e:1\n", `c.ini:2: invalid spec for instance "a": "fe80::1%e:1" should be <host>:<port>: "fe80::1%e" is not an IP address`},
		"no role":                                {node(""), `c.ini:3: invalid node "w" configuration: node requires a role`},
		"an empty role":                          {node("role=\ntype=worker\n"), `c.ini:5: invalid node "w" configuration: node requires a role`},
		"an unknown role":                        {node("role = wroker\n"), `c.ini:5: invalid node "w" configuration: role "wroker" is invalid; did you mean "worker"?`},
		"a role that is no role":                 {node("role = standalone\n"), `c.ini:5: invalid node "w" configuration: role "standalone" is invalid: it can be manager, logger, proxy, worker`},
		"an unknown key":                         {node("role=worker\ninterfce = eth0\n"), `c.ini:6: invalid node "w" configuration: unknown key "interfce"; did you mean "interface"?`},
		"a misspelt key that is required":        {node("rol=worker\n"), `c.ini:5: invalid node "w" configuration: unknown key "rol"; did you mean "role"?`},
		"an unknown key that resembles none":     {node("role=worker\nflavour = x\n"), `c.ini:6: invalid node "w" configuration: unknown key "flavour"; there are command, cpu_affinity, cpu_weight, env, instance, interface, memory_limit, metrics_port, nice, port, redefs, role, scripts, state, type`},
		"a default nearly a key":                 {"[DEFAULT]\ninterfaec = lo\n[w]\nrole = worker\n", `c.ini:2: [DEFAULT]: unknown key "interfaec"; did you mean "interface"?`},
		"zeekctl's host":                         {node("role=worker\nhost = 192.0.2.1\n"), `c.ini:6: invalid node "w" configuration: unknown key "host", which is zeekctl's: set "instance" to the name of that host's agent`},
		"zeekctl's lb_procs":                     {node("role=worker\nlb_procs = 4\n"), `c.ini:6: invalid node "w" configuration: unknown key "lb_procs", which is zeekctl's: write a section [workers NAME] with "workers" and "interface" for all of them`},
		"zeekctl's key in the defaults":          {"[DEFAULT]\npin_cpus = 1,2\n[w]\nrole = worker\n", `c.ini:2: [DEFAULT]: unknown key "pin_cpus", which is zeekctl's: set it in a section [workers NAME], or set "cpu_affinity" in each worker's section`},
		"two keys for the role":                  {node("role=worker\ntype=logger\n"), `c.ini:6: invalid node "w" configuration: "type" and "role" say the same: keep "role"`},
		"a comment behind an interface":          {node("role=worker\ninterface = eth0 # mirror\n"), `c.ini:6: invalid node "w" configuration: "# mirror" would be part of the value: a comment needs a line of its own`},
		"a comment behind scripts":               {node("role=worker\nscripts = a.zeek ; mine\n"), `c.ini:6: invalid node "w" configuration: "; mine" would be part of the value: a comment needs a line of its own`},
		"a misspelt section of instances":        {"[instance]\ni\n", `c.ini:1: invalid node "instance" configuration: node requires a role; did you mean [instances]?`},
		"an empty misspelt section of instances": {"[Instances]\n[w]\nrole = worker\n", `c.ini:1: invalid node "Instances" configuration: node requires a role; did you mean [instances]?`},
		"text behind a header":                   {"[w] role = worker\n", `c.ini:1: "role = worker" stands behind the header [w]: put it on a line of its own`},
		"a header without its closing bracket":   {node("role = worker\n[v\nrole = worker\n"), `c.ini:6: "[v" lacks the closing bracket of a section's header`},
		"a header without its opening bracket":   {node("role = worker\nv]\nrole = worker\n"), `c.ini:6: "v]" lacks the opening bracket of a section's header`},
		"a header behind blanks":                 {node("role = worker\n  [v]\nrole = worker\n"), `c.ini:6: "[v]" would continue "role": remove the blanks before a section's header`},
		"a port of zero":                         {node("role=logger\nport=0\n"), `c.ini:6: invalid node "w" configuration: port 0 outside valid range`},
		"a port too large":                       {node("role=logger\nport=65536\n"), `c.ini:6: invalid node "w" configuration: port 65536 outside valid range`},
		"a port that is no number":               {node("role=logger\nport=80/tcp\n"), `c.ini:6: invalid node "w" configuration: cannot convert "w.port" value "80/tcp" to int`},
		"an empty port":                          {node("role=logger\nport=\n"), `c.ini:6: invalid node "w" configuration: cannot convert "w.port" value "" to int`},
		"two signs":                              {node("role=logger\ncpu_affinity=+-1\n"), `c.ini:6: invalid node "w" configuration: cannot convert "w.cpu_affinity" value "+-1" to int`},
		"two underscores":                        {node("role=logger\ncpu_affinity=1__0\n"), `c.ini:6: invalid node "w" configuration: cannot convert "w.cpu_affinity" value "1__0" to int`},
		"a bad metrics port":                     {node("role=logger\nmetrics_port=-1\n"), `c.ini:6: invalid node "w" configuration: metrics port -1 outside valid range`},
		"an open quote in scripts":               {node("role=logger\nscripts='a\n"), `c.ini:6: invalid node "w" configuration: No closing quotation`},
		"a trailing backslash":                   {node("role=logger\nscripts=a\\\n"), `c.ini:6: invalid node "w" configuration: No escaped character`},
		"an env without assignment":              {node("role=logger\nenv=A=1 B\n"), `c.ini:6: invalid node "w" configuration: env value "A=1 B" is invalid`},
		"a lone percent sign":                    {node("role=logger\ninterface=50%\n"), `c.ini:6: "interface" has a lone % in its value: write %%`},
		"a bad reference":                        {node("role=logger\ninterface=%(a\n"), `c.ini:6: "interface" has a lone % in its value: write %%`},
		"a reference to nothing":                 {node("role=logger\ninterface=%(a)s\n"), `c.ini:6: "interface" refers to "a", which has no value`},
		"a reference to itself":                  {node("role=logger\ninterface=%(interface)s\n"), `c.ini:6: "interface" refers to other keys more than 10 deep`},
		"some nodes on instances":                {"[a]\nrole=logger\ninstance=i\n[b]\nrole=worker\n", "c.ini:4: either all or no nodes must state instances"},
		"instances, but not used":                {"[a]\nrole=logger\n[instances]\ni\n", "c.ini:3: omit instances section when skipping instances in node definitions"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := clusterfile.Parse("c.ini", []byte(tt.text), clusterfile.Options{Hostname: "host-1"})
			if err == nil || err.Error() != tt.want {
				t.Errorf("Parse:\n got %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestParseLimits(t *testing.T) {
	if _, err := clusterfile.Parse("c.ini", []byte("[instances]\n"+strings.Repeat("#", clusterfile.MaxSize-12)), clusterfile.Options{}); err != nil {
		t.Errorf("a file of the largest size: %v", err)
	}
	_, err := clusterfile.Parse("c.ini", make([]byte, clusterfile.MaxSize+1), clusterfile.Options{})
	if want := "c.ini: more than 33554432 bytes"; err == nil || err.Error() != want {
		t.Errorf("a larger file: got %v, want %s", err, want)
	}
	// Eight levels of ten references each would be a billion characters.
	var bomb strings.Builder
	bomb.WriteString("[w]\nrole=worker\na0=xxxxxxxxxx\n")
	for i := range 8 {
		bomb.WriteString("a" + string(rune('1'+i)) + "=" + strings.Repeat("%(a"+string(rune('0'+i))+")s", 10) + "\n")
	}
	_, err = clusterfile.Parse("c.ini", []byte(bomb.String()+"interface=%(a8)s\n"), clusterfile.Options{})
	if want := `c.ini:12: "interface" is longer than 65536 bytes`; err == nil || err.Error() != want {
		t.Errorf("references that grow: got %v, want %s", err, want)
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.ini")
	if err := os.WriteFile(path, []byte("[w]\nrole=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	failing := io.MultiReader(strings.NewReader("[w]"), errReader{})
	tests := map[string]struct {
		path  string
		stdin io.Reader
		want  string
	}{
		"a file":         {path, nil, path + `:2: invalid node "w" configuration: role "x" is invalid: it can be manager, logger, proxy, worker`},
		"standard input": {"-", strings.NewReader("x\n"), `standard input:1: "x" stands before the first section`},
		"a missing file": {path + "x", nil, "please provide a cluster configuration file: open " + path + "x: no such file or directory"},
		"a directory":    {filepath.Dir(path), nil, "please provide a cluster configuration file: read " + filepath.Dir(path) + ": is a directory"},
		"a broken pipe":  {"-", failing, "please provide a cluster configuration file: broken"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := clusterfile.Read(tt.path, tt.stdin, clusterfile.Options{Hostname: "h"})
			if err == nil || err.Error() != tt.want {
				t.Errorf("Read:\n got %v\nwant %s", err, tt.want)
			}
		})
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

// oneLine checks that an error of Parse is one line and begins with the
// file.
func oneLine(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if m := err.Error(); !strings.HasPrefix(m, "f:") || strings.ContainsAny(m, "\n\r") {
		t.Fatalf("error without file, or of several lines: %q", m)
	}
}

// FuzzParse checks that every configuration that is read can be written
// and read again, and that every error names the file.
func FuzzParse(f *testing.F) {
	f.Add("[instances]\na = 192.0.2.1:1\n[w]\ninstance=a\nrole=worker\nenv=A=1 B='x y'\n")
	f.Add("[DEFAULT]\nx=%(y)s\ny=%(x)s\n[w]\nrole=%(x)s\n")
	f.Add("\ufeff[w]\n\trole:worker\n\t\tscripts = \"a b\" c\\ d\n")
	f.Add("[w]\nrole=worker\nscripts=\"\" '\\' \\\"\ninterface=100%%\n  more\n")
	f.Add("[instances]\nx\ny\n[options]\nA::b = 1\n[options @workers]\nA::b = %%\n[options %y]\nA::c=\n  d\n[options w]\nA::b=\"#\"\n" +
		"[networks]\nfd00::/8 = a: b\n10.0.0.0/8  Private\n[bundle a]\nhash = sha256:" + strings.Repeat("0", 64) + "\nnodes = @workers \"l\"\nload = main x\n" +
		"[w]\nrole=worker\ninstance=x\n[l]\nrole=logger\ninstance=y\n[options-x]\ncommand=/bin/x\ninstance=x\n[options]")
	f.Add("[instances]\nx\nx2\n[DEFAULT]\nenv=A=1\n[workers]\ninstances=x*\ninterface=eth0 a.b\nworkers=3\npin_cpus=1-2,4\nring_size=1MiB\nblock_timeout=10ms\n" +
		"[w]\nrole=worker\ninstance=x\ninterface=af_packet::eth0\nredefs=AF_Packet::fanout_id=7 A=\n[workers p]\ninstance=x\ninterface=zc:e\nlb_method=pf_ring\nworkers=2\nname=p\n")
	f.Fuzz(func(t *testing.T, text string) {
		lenient := clusterfile.Options{Hostname: "h", AsZeekClient: true}
		strictly, err := clusterfile.Parse("f", []byte(text), clusterfile.Options{Hostname: "h"})
		oneLine(t, err)
		first, lenientErr := clusterfile.Parse("f", []byte(text), lenient)
		oneLine(t, lenientErr)
		switch {
		case err == nil && len(strictly.Templates) > 0:
			first = strictly // zeek-client takes a template for a node
		case err == nil && lenientErr != nil:
			t.Fatalf("as zeek-client: %v, which we take", lenientErr)
		case lenientErr != nil:
			return
		case err == nil && !strings.Contains(text, "DEFAULT"):
			if diff := cmp.Diff(first.Config, strictly.Config, clusterOptions...); diff != "" {
				t.Fatalf("read strictly (-as zeek-client +strictly):\n%s", diff)
			}
		}
		written := clusterfile.Text(first.Config)
		if written == "" || strings.Contains(text, "%(") || strings.Contains(text, "\\\n") {
			return // nothing to run, or values with blanks at the ends of lines: the INI form cannot express them
		}
		if len(first.Config.Instances) == 0 && len(first.Config.Nodes) > 0 {
			// The nodes name instances, and an empty [instances] section lists none of
			// them. The controller refuses that. The written text has no [instances]
			// section, so reading it would derive the instances from the nodes.
			return
		}
		if slices.ContainsFunc(first.Config.Instances, func(in mgmt.Instance) bool {
			return strings.ContainsAny(string(in.Name[:1]), "#;") || strings.ContainsAny(string(in.Name), "=:[]")
		}) {
			return // [instances] has no place for such a name: its line would be another thing
		}
		again, err := clusterfile.Parse("g", []byte(written), lenient)
		if err != nil {
			t.Fatalf("%v, in what was written:\n%s", err, written)
		}
		sorted := []cmp.Option{
			cmpopts.SortSlices(func(a, b mgmt.Node) bool { return a.Name < b.Name }),
			cmpopts.SortSlices(func(a, b mgmt.Instance) bool { return a.Name < b.Name }),
			cmpopts.SortSlices(func(a, b mgmt.Option) bool { return a.Name+"="+a.Value < b.Name+"="+b.Value }),
			cmpopts.EquateEmpty(),
		}
		if diff := cmp.Diff(first.Config, again.Config, append(sorted, clusterOptions...)...); diff != "" {
			t.Errorf("read again (-first +again):\n%s\nwritten:\n%s", diff, written)
		}
	})
}

// A file from elsewhere names the instances, and its values are bounded all together.
func TestParseOfAFileFromElsewhere(t *testing.T) {
	const text = "[DEFAULT]\ninstance = a\nrole = worker\n[instances]\na\n[w]\n[x]\n"
	elsewhere := clusterfile.Options{NameInstances: true, MaxValues: 2 * len("aworkerworker")}
	if _, err := clusterfile.Parse("c.ini", []byte(text), elsewhere); err != nil {
		t.Errorf("values of the largest size: %v", err)
	}
	for text, want := range map[string]string{
		text + "[y]\n":         `c.ini:2: "instance": all values together, with what sections inherit, have more than 26 bytes`,
		"[w]\nrole = worker\n": `c.ini:1: node "w" lacks "instance": name the instance that runs it`,
	} {
		if _, err := clusterfile.Parse("c.ini", []byte(text), elsewhere); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}
