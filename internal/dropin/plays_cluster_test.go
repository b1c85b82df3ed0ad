package dropin_test

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/replay"
)

// stage stages a cluster configuration. The golden file has the request.
func stage(text string) play {
	return play{args: at("stage-config", "-"), stdin: text, exchanges: []replay.Exchange{
		answering(mgmt.Result{Success: true, Data: mgmt.Text("an ID")}),
	}}
}

// refused stages a cluster configuration that is not sent, with warnings.
func refused(text string) play {
	return play{args: []string{"-v", "stage-config", "-"}, stdin: text}
}

const inst = "[instances]\ni\n"

// clusterPlays stage cluster configurations (spec zeek-client 7).
var clusterPlays = map[string]play{
	"the example": stage(`[instances]
agent-east = 192.0.2.10:2151
agent-west

[m]
instance = agent-east
role = manager
port = 2200

[log1]
instance = agent-east
role = logger

[sniff-a]
instance = agent-west
role = worker
interface = af_packet::ens5
cpu_affinity = 3
env = REGION=west LABEL="rack 7"
scripts = site/extra.zeek "site/with blank.zeek"
`),
	"an empty file":                      stage(""),
	"a file of comments":                 stage("# nothing\n; at all\n"),
	"an empty section of instances":      stage("[instances]\n"),
	"instances with addresses":           stage("[instances]\na = 192.0.2.1:1\nb = [2001:db8::1]:2151\nc = 2001:db8::2:2151\nd =  192.0.2.2 : 65535 \ne =\nf\n"),
	"colons for equals signs":            stage(inst + "[w]\ninstance: i\nrole: worker\ninterface: a:b\n"),
	"keys in capitals":                   stage(inst + "[w]\nInstance = i\nROLE = Worker\nEnv = A=b\n"),
	"qualified roles":                    stage(inst + "[a]\ninstance=i\nrole=Supervisor::Worker\n[b]\ninstance=i\nrole=ClusterRole.LOGGER\n[c]\ninstance=i\nrole=none\n"),
	"type for role":                      stage(inst + "[w]\ninstance=i\ntype=worker\n").with("-v"),
	"a role and a type":                  stage(inst + "[w]\ninstance=i\ntype=worker\nrole=proxy\n").with("-v"),
	"instances of nodes alone":           stage("[b]\nrole=logger\ninstance=y\n[a]\nrole=worker\ninstance=x\n"),
	"a state":                            stage(inst + "[w]\ninstance=i\nrole=worker\nstate=stopped\n").with("-v"),
	"unknown keys":                       stage(inst + "[w]\ninstance=i\nrole=worker\nlb_procs=2\ninterfcae=x\n").with("-v"),
	"unknown keys without verbosity":     stage(inst + "[w]\ninstance=i\nrole=worker\nlb_procs=2\n"),
	"ports":                              stage(inst + "[w]\ninstance=i\nrole=worker\nport= +2_200 \nmetrics_port=65535\ncpu_affinity=-3\n"),
	"an empty interface":                 stage(inst + "[w]\ninstance=i\nrole=worker\ninterface=\n"),
	"an inline comment":                  stage(inst + "[w]\ninstance=i\nrole=worker\ninterface=eth0 # not a comment\n"),
	"continued values":                   stage(inst + "[w]\ninstance=i\nrole=worker\nscripts = b.zeek\n  a.zeek\n\n  # a comment\n  'c d.zeek'\n"),
	"quotes in scripts":                  stage(inst + "[w]\ninstance=i\nrole=worker\nscripts = \"a b\" c\\ d 'e \"f' \"g\\\"h\" \"i\\j\" ''\n"),
	"an environment":                     stage(inst + "[w]\ninstance=i\nrole=worker\nenv = A=1 B= C=\"x y\" A=2 D=e=f 'G H=i'\n"),
	"a reference to another key":         stage(inst + "[w]\ninstance=i\nrole=worker\ninterface=eth%(cpu_affinity)s\ncpu_affinity=1\n"),
	"defaults of nodes":                  stage("[DEFAULT]\nrole = worker\n[a]\ninstance=x\n[b]\ninstance=y\nrole=proxy\n"),
	"a key without value":                stage(inst + "[w]\ninstance=i\nrole=worker\nport\ninterface\nscripts\nenv\n"),
	"letters beyond ASCII":               stage("[instances]\nä\n[wörker]\ninstance=ä\nrole=worker\ninterface=ëth0\nenv=Ü=ü\n"),
	"carriage returns":                   stage("[instances]\r\ni\r\n[w]\r\ninstance=i\r\nrole=worker\r\n"),
	"an instance that is not listed":     stage(inst + "[w]\ninstance=j\nrole=worker\n"),
	"instances in capitals":              stage("[instances]\nI\n[w]\ninstance=I\nrole=worker\n").because("D20"),
	"instances in capitals that fold":    stage("[instances]\nI\n[w]\ninstance=i\nrole=worker\n"),
	"instances from defaults":            stage("[DEFAULT]\nrole = worker\n[instances]\ni\n[a]\ninstance=i\n").because("D21"),
	"a mark of the byte order":           stage("\ufeff[instances]\ni\n").because("D22"),
	"no role":                            refused(inst + "[w]\ninstance = i\n"),
	"an empty role":                      refused(inst + "[w]\ninstance = i\nrole =\n"),
	"an unknown role":                    refused(inst + "[w]\ninstance = i\nrole = wroker\n"),
	"a port that is no integer":          refused(inst + "[w]\ninstance = i\nrole=worker\nport = http\n"),
	"an empty port":                      refused(inst + "[w]\ninstance = i\nrole=worker\nport =\n"),
	"a port out of range":                refused(inst + "[w]\ninstance = i\nrole=worker\nport = 65536\n"),
	"port 0":                             refused(inst + "[w]\ninstance = i\nrole=worker\nport = 0\n"),
	"a metrics port out of range":        refused(inst + "[w]\ninstance = i\nrole=worker\nmetrics_port = -1\n").because("D23"),
	"a metrics port that is no integer":  refused(inst + "[w]\ninstance = i\nrole=worker\nmetrics_port = x\n"),
	"an affinity that is no integer":     refused(inst + "[w]\ninstance = i\nrole=worker\ncpu_affinity = 1.5\n"),
	"an open quote in scripts":           refused(inst + "[w]\ninstance = i\nrole=worker\nscripts = \"a\n"),
	"a backslash at the end of scripts":  refused(inst + "[w]\ninstance = i\nrole=worker\nscripts = a\\\n"),
	"a bad environment":                  refused(inst + "[w]\ninstance = i\nrole=worker\nenv = A=b C\n"),
	"an open quote in the environment":   refused(inst + "[w]\ninstance = i\nrole=worker\nenv = A='b\n"),
	"an instance without a port":         refused("[instances]\ni = 192.0.2.1\n"),
	"an instance without a host":         refused("[instances]\ni = :2151\n"),
	"an instance with an empty port":     refused("[instances]\ni = 192.0.2.1:\n"),
	"some nodes without instances":       refused("[a]\nrole=worker\ninstance=i\n[b]\nrole=worker\n"),
	"instances without nodes' instances": refused(inst + "[b]\nrole=worker\n"),
	"several mistakes":                   refused(inst + "[w]\ninstance = i\nport = 65536\nscripts = \"a\n"),
	"a mistake behind warnings":          refused(inst + "[v]\ninstance=i\nrole=worker\nstate=x\n[w]\ninstance = i\nrole=x\nstate=y\n"),
	"an instance with a host name":       refused("[instances]\ni = there:2151\n").because("D24"),
	"an instance with a bad port":        refused("[instances]\ni = 192.0.2.1:0\n").because("D24"),
	"a section twice":                    refused("[a]\nrole=worker\n[a]\nrole=worker\n").because("D24"),
	"a key twice":                        refused("[a]\nrole=worker\nROLE=proxy\n").because("D24"),
	"text before a section":              refused("role=worker\n[a]\n").because("D24"),
	"a lone percent sign":                refused(inst + "[a]\ninstance=i\nrole=worker\ninterface=50%\n").because("D24"),
	"a reference to nothing":             refused(inst + "[a]\ninstance=i\nrole=worker\ninterface=%(x)s\n").because("D24"),
	"a header without its bracket":       refused(inst + "[a\nrole=worker\n").because("D25"),
	"a header behind blanks":             refused(inst + "[a]\ninstance=i\nrole=worker\n [b]\n").because("D25"),
	"a byte that is no text":             refused(inst + "[a]\ninstance=i\nrole=worker\ninterface=\xff\n").because("D26"),
	"a cluster file that is not there":   {args: []string{"stage-config", "gone.cfg"}},
	"a directory for a cluster file":     {args: []string{"stage-config", "/"}},
	"an empty name of a cluster file":    {args: []string{"stage-config", ""}},
	"a cluster file with a mistake":      {args: []string{"deploy-config", "c.cfg"}, files: map[string]string{"c.cfg": "[w]\nrole=x\n"}},
	"a cluster file that is refused": {args: at("deploy-config", "c.cfg"), files: map[string]string{"c.cfg": inst}, exchanges: []replay.Exchange{
		answering(mgmt.Result{Error: "multiple nodes named 'log1'"}, mgmt.Result{}),
	}},
	"a cluster file that is deployed": {args: at("deploy-config", "c.cfg"), files: map[string]string{"c.cfg": inst}, exchanges: []replay.Exchange{
		answering(mgmt.Result{Success: true, Data: mgmt.Text("staged")}),
		answering(mgmt.Result{Success: true, Data: mgmt.Text("staged")}, mgmt.Result{Success: true, Instance: "i"}),
	}},
	"another configuration that is deployed": {args: at("deploy-config", "c.cfg"), files: map[string]string{"c.cfg": inst}, exchanges: []replay.Exchange{
		answering(mgmt.Result{Success: true, Data: mgmt.Text("staged")}),
		answering(mgmt.Result{Success: true, Data: mgmt.Text("another")}),
	}, differs: "D34"},
}
