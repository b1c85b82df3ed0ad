package mgmt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TestOptionsThatOperatorsSet lists options that need no permission.
func TestOptionsThatOperatorsSet(t *testing.T) {
	for _, o := range []mgmt.Option{
		{"Site::local_nets", "{ 10.0.0.0/8, [2001:db8::]/32 }"},
		{"LogAscii::use_json", "T"},
		{"Log::default_rotation_interval", "1hr"},
		{"Log::default_rotation_interval", "1 hr"},
		{"Telemetry::metrics_port", "9911/tcp"},
		{"Pcap::snaplen", "9216"},
		{"some_double", "-1.5e+3"},
		{"Notice::mail_subject_prefix", "[Zeek west, 2nd floor]"},
		{"Sensor::description", "Übertragung \"x\""},
		{"LogAscii::json_timestamps", "JSON::TS_ISO8601"},
		{"FTP::default_capture_password", "F"},
		{"Analyzer::disabled_analyzers", "{}"},
		{"Site::local_zones", `{"example.org", "example.net"}`},
		{"Foo::table", `{["a"]=1, ["b"]=2}`},
		{"empty", ""},
	} {
		n := mgmt.Node{Name: "w", Options: []mgmt.Option{o}}
		if why := (mgmt.Permits{}).Check(n); why != "" {
			t.Errorf("%s=%s: %s", o.Name, o.Value, why)
		}
	}
}

func TestOptionsThatRunCommandsNeedPermission(t *testing.T) {
	for _, name := range []string{
		"Log::default_rotation_postprocessor_cmd", "Log::default_rotation_postprocessors", "Notice::sendmail",
		"Exec::tmp_dir", "ActiveHTTP::default_method", "Management::Agent::archive_cmd", "Log::scp_rotation_date_format",
		"Site::my_command", "Foo::EXEC_PATH", "Config::config_files",
	} {
		n := mgmt.Node{Name: "w", Options: []mgmt.Option{{name, "/bin/true"}}}
		if why := (mgmt.Permits{}).Check(n); !strings.Contains(why, "agent.allow_options") {
			t.Errorf("%s: got %q", name, why)
		}
		if why := (mgmt.Permits{Options: []string{name}}).Check(n); why != "" {
			t.Errorf("%s, permitted: got %q", name, why)
		}
	}
	n := mgmt.Node{Name: "w", Options: []mgmt.Option{{"Notice::sendmail", "/bin/true"}}}
	if why := (mgmt.Permits{Options: []string{"Notice::*"}}).Check(n); why != "" {
		t.Errorf("permitted as a prefix: got %q", why)
	}
}

// TestValuesThatAreNoLiteralsAreRefusedByEveryHost shows that no permission allows
// them.
func TestValuesThatAreNoLiteralsAreRefusedByEveryHost(t *testing.T) {
	everything := mgmt.Permits{Options: []string{"*"}, Env: []string{"*"}}
	for _, value := range []string{
		"id >FILE ||", "a|b", "a&b", "a<b", "a;b", "$HOME", "`id`", "f()", "a\\b", "@load x", "# x", "a\nb", "a\x00b",
		"'x'", "*", "?", "~/x", "!x", `"x`, "--", "x--", strings.Repeat("x", mgmt.MaxOption+1),
	} {
		n := mgmt.Node{Name: "w", Options: []mgmt.Option{{"Site::text", value}}}
		if why := everything.Check(n); !strings.Contains(why, "the value of the script option Site::text") {
			t.Errorf("%.20q: got %q", value, why)
		}
	}
	for _, name := range []string{"", "::", "a::", "1a", "a b", "a-b", "x=T; y", "Fleet::Node::secret"} {
		n := mgmt.Node{Name: "w", Options: []mgmt.Option{{name, "T"}}}
		if why := everything.Check(n); why == "" {
			t.Errorf("an option named %q passes", name)
		}
	}
}

// TestNamesOfVariablesThatSetOthersAreRefusedByEveryHost has names such as
// "PATH=/x", which would set PATH.
func TestNamesOfVariablesThatSetOthersAreRefusedByEveryHost(t *testing.T) {
	everything := mgmt.Permits{Options: []string{"*"}, Env: []string{"*"}}
	for _, env := range []map[string]string{{"PATH=/x:": ""}, {"=": "x"}, {"": "x"}, {"A\x00B": "x"}, {"A": "x\x00PATH=/x"}} {
		if why := everything.Check(mgmt.Node{Name: "w", Env: env}); !strings.Contains(why, "environment variable") {
			t.Errorf("%q: got %q", env, why)
		}
	}
}

func TestVariablesThatLoadCodeNeedPermission(t *testing.T) {
	for _, name := range []string{
		"LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "GCONV_PATH", "GLIBC_TUNABLES", "LOCPATH", "PATH", "BASH_ENV", "ENV", "IFS",
		"PYTHONPATH", "PERL5OPT", "OPENSSL_CONF", "KRB5_CONFIG", "ZEEK_PLUGIN_PATH", "ZEEK_PLUGIN_ACTIVATE", "BROPATH", "ZEEK_PROFILER_FILE",
	} {
		n := mgmt.Node{Name: "w", Env: map[string]string{name: "/tmp/x"}}
		if why := (mgmt.Permits{}).Check(n); !strings.Contains(why, "agent.allow_env") {
			t.Errorf("%s: got %q", name, why)
		}
		if why := (mgmt.Permits{Env: []string{name}}).Check(n); why != "" {
			t.Errorf("%s, permitted: got %q", name, why)
		}
	}
	for _, name := range []string{"REGION", "TZ", "MALLOC_ARENA_MAX", "PF_RING_FT_CONF", "SNF_NUM_RINGS", "ZEEK_DNS_RESOLVER", "TMPDIR", "LDAP_SERVER"} {
		n := mgmt.Node{Name: "w", Env: map[string]string{name: "x"}}
		if why := (mgmt.Permits{}).Check(n); why != "" {
			t.Errorf("%s: got %q", name, why)
		}
	}
}

// TestStagingDoubtsWhatOnlyHostsCanAllow expects warnings, not errors: the
// controller does not know what the hosts allow.
func TestStagingDoubtsWhatOnlyHostsCanAllow(t *testing.T) {
	c := mgmt.Configuration{
		Instances: []mgmt.Instance{{Name: "a"}},
		Nodes: []mgmt.Node{{
			Name: "w", Instance: "a", Role: mgmt.Worker,
			Options: []mgmt.Option{{"Notice::sendmail", "/bin/true"}}, Env: map[string]string{"LD_PRELOAD": "x"},
		}},
	}
	errs, warnings := c.Check(mgmt.Rules{})
	if len(errs) > 0 {
		t.Errorf("refused: %v", errs)
	}
	for _, want := range []string{"agent.allow_options", "agent.allow_env"} {
		if !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, want) }) {
			t.Errorf("no doubt says %s: %v", want, warnings)
		}
	}
	c.Nodes[0].Options[0].Value = "id >FILE ||"
	if errs, _ := c.Check(mgmt.Rules{}); len(errs) != 1 || !strings.Contains(errs[0], "node 'w': the value of the script option") {
		t.Errorf("got %v", errs)
	}
}

// A section for all nodes is one thing to look at, and so it is one doubt.
func TestTheSamePermissionForManyNodesIsOneDoubt(t *testing.T) {
	c := mgmt.Configuration{Instances: []mgmt.Instance{{Name: "a"}}}
	for _, name := range []mgmt.NodeName{"m", "w-1", "w-2"} {
		role := mgmt.Worker
		if name == "m" {
			role = mgmt.Manager
		}
		c.Nodes = append(c.Nodes, mgmt.Node{
			Name: name, Instance: "a", Role: role,
			RunOptions: []mgmt.Option{{Name: "Notice::sendmail", Value: "/bin/true"}}, Env: map[string]string{"LD_PRELOAD": "x"},
		})
	}
	want := []string{
		"node 'm' and 2 more set environment variable 'LD_PRELOAD', which can make a program run anything: their agents take it only if agent.allow_env there names it",
		"node 'm' and 2 more set option 'Notice::sendmail', which can run commands: their agents take it only if agent.allow_options there names it",
	}
	_, warnings := c.Check(mgmt.Rules{AssignBroker: true, AssignMetrics: true})
	for _, doubt := range want {
		if !slices.Contains(warnings, doubt) {
			t.Errorf("no doubt is %q: %q", doubt, warnings)
		}
	}
	if n := len(slices.DeleteFunc(warnings, func(w string) bool { return !strings.Contains(w, "there names it") })); n != len(want) {
		t.Errorf("%d doubts about permission, want %d", n, len(want))
	}
}
