package zeek_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// These tests run without Zeek. They check two things of a script: its brackets
// are balanced, and each name in it is declared by the script or exists in the
// versions of Zeek for which the script is made.

// keywords are the keywords of Zeek's language, up to the newest version.
var keywords = words(`add addr any as bool break case const copy count default delete double else enum event export
	fallthrough file for function global hook if in int interval is local module next of opaque option pattern port
	print record redef return schedule set string subnet switch table time timeout type vector when while assert list
	T F sec secs mins create_expire tcp udp icmp unknown optional priority`)

// released lists the names of Zeek that our scripts use, by the first version that
// has them, such as 72 for 7.2; 0 is 5.0 or earlier.
var released = names{
	0: words(`Broker::EndpointInfo Broker::default_connect_retry Broker::default_listen_address
		Broker::default_listen_retry Broker::disable_ssl Broker::peer Broker::peer_added Broker::publish
		Broker::ssl_cafile Broker::ssl_certificate Broker::ssl_keyfile Broker::subscribe
		Cluster::LOGGER Cluster::MANAGER Cluster::PROXY Cluster::WORKER Cluster::default_store_dir
		Cluster::manager_is_logger Cluster::node Cluster::nodes Cluster::retry_interval
		Config::set_value Notice::sendmail Option::set Option::set_change_handler is_remote_event
		Log::RotationFmtInfo Log::RotationPath Log::default_rotation_dir Log::default_rotation_interval
		Log::default_rotation_postprocessor_cmd Log::rotation_format_func LogAscii::enable_leftover_log_rotation
		Management::Log::ERROR Management::Log::level
		Reporter::error Reporter::fatal Reporter::warning Notice::Type Analyzer::Tag Log::ID SMB::Action
		count_to_port find_all getenv global_ids gsub hexstr_to_bytestring join_string_vec levenshtein_distance
		split_string_all string_to_pattern sub to_lower transport_proto unknown_transport cat current_time double_to_interval double_to_time fmt get_event_stats get_net_stats get_proc_stats
		global_hash_seed interval_to_double is_valid_ip lookup_ID network_time reading_live_traffic sha256_hash
		open set_buf sort split_string split_string1 strcmp strftime string_vec strip subst_string time_to_double to_addr to_count
		to_double to_int to_json to_port to_subnet type_name zeek_init
		Broker::unpeer Version::at_least copy
		LOGGER MANAGER PROXY WORKER Node NamedNode PoolNode RoundRobinTable nodes node registered_pools init_pool_node
		mark_pool_node_dead Cluster::log Cluster::hello Cluster::node_down Cluster::Node Cluster::NodeType zeek_script_loaded zeek_version GLOBAL`),
	51: words(`Broker::metrics_port`),
	70: words(`Telemetry::metrics_address`),
	60: words(`global_options Cluster::connect_node_hook connect_node_hook`),
	71: words(`Cluster::backend Cluster::CLUSTER_BACKEND_BROKER Cluster::publish Cluster::subscribe Cluster::Backend::ZeroMQ::listen_xpub_endpoint
		Cluster::Backend::ZeroMQ::listen_xsub_endpoint Cluster::Backend::ZeroMQ::connect_xpub_endpoint
		Cluster::Backend::ZeroMQ::connect_xsub_endpoint`),
	72: words(`Cluster::listen_websocket Cluster::websocket_client_added Cluster::EndpointInfo
		Cluster::WebSocketServerOptions`),
	80: words(`Cluster::Backend::ZeroMQ::ipv6`),
	81: words(`Cluster::WebSocketTLSOptions`),
}

// fields are the fields of Zeek's records that our scripts use. $listen_addr exists
// from 8.0 on.
var fields = words(`network address bound_port pkts_recvd pkts_dropped pkts_link bytes_recvd mem real_time queued
	dispatched open close path dir file_basename node_type ip zone_id p manager interface metrics_port
	constant option_value id manager name spec exclusive max_nodes node_list rr_key_seq
	listen_addr listen_port tls_options cert_file key_file ca_file enable_peer_verification`)

type names map[int][]string

func words(text string) []string { return strings.Fields(text) }

// has tells whether Zeek has the name in a version, such as 72 for 7.2.
func (n names) has(name string, version int) bool {
	for since, list := range n {
		if since <= version && slices.Contains(list, name) {
			return true
		}
	}
	return false
}

var (
	identifier  = regexp.MustCompile(`\$?[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z_][A-Za-z0-9_]*)*`)
	declaration = regexp.MustCompile(`\b(?:function|global|const|local|type)\s+([A-Za-z_][A-Za-z0-9_:]*)\s*[:(=;]|` +
		`([A-Za-z_][A-Za-z0-9_]*)\s*:\s|for \( (?:[a-z_]+, )?([a-z_]+) in`)
	module    = regexp.MustCompile(`(?m)^module ([A-Za-z:]+);$`)
	directive = regexp.MustCompile(`(?m)^@.*$`)
	// ifdef names what a script uses only if another script declares it.
	ifdef = regexp.MustCompile(`(?m)^@ifdef \( Fleet::Node::(\w+) \)$`)
)

// beforePattern is what comes before a pattern, and before no division.
var beforePattern = regexp.MustCompile(`(=|, ?|\(|\|\||&&|return) ?$`)

// code returns a script without its comments, its directives and the content of its
// literals.
func code(t testing.TB, file, script string) string {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(script); {
		switch c := script[i]; {
		case c == '#':
			end := strings.IndexByte(script[i:], '\n')
			if end < 0 {
				return b.String()
			}
			i += end
		case c == '"':
			_, rest, err := unquote(script[i:])
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			b.WriteString(`""`)
			i = len(script) - len(rest)
		case c == '/' && beforePattern.MatchString(b.String()[max(0, b.Len()-10):]):
			end := i + 1
			for script[end] != '/' || script[end-1] == '\\' {
				end++
			}
			i = end + 1
		default:
			b.WriteByte(c)
			i++
		}
	}
	return strings.ReplaceAll(directive.ReplaceAllString(b.String(), ""), "@DIR", `""`)
}

// atVersion returns the script without what its conditions leave out in a version: what
// depends on a name of Zeek's that the version does not have, or on a newer version. It
// keeps what depends on names of ours.
func atVersion(script string, version int) string {
	var kept []string
	leaving, nested := "", 0 // the part that is left out; conditions in it
	for line := range strings.Lines(script) {
		m := condition.FindStringSubmatch(line)
		switch {
		case leaving != "" && m != nil:
			nested++
		case leaving != "" && nested > 0 && strings.HasPrefix(line, "@endif"):
			nested--
		case leaving != "" && nested == 0 && (strings.HasPrefix(line, "@endif") || strings.HasPrefix(line, "@else")):
			leaving = ""
			if strings.HasPrefix(line, "@else") {
				kept = append(kept, "\n")
			}
		case leaving == "" && strings.HasPrefix(line, "@else"):
			leaving = "the other case"
		case m != nil && (m[1] != "" && !strings.HasPrefix(m[1], "Fleet::") && !strings.HasPrefix(m[1], "Management::") && !released.has(m[1], version) ||
			m[2] != "" && fmt.Sprint(version) < m[2]+m[3]):
			leaving = line
		}
		if leaving == "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// condition is the first line of what depends on a name or on a version.
var condition = regexp.MustCompile(`^@(?:ifdef \( ([\w:]+) \)|if \( Version::at_least\("(\d)\.(\d)\.0"\) \)|ifndef )`)

// lint checks the rules that hold for all our scripts, and returns the code.
func lint(t testing.TB, file, script string) string {
	t.Helper()
	text := code(t, file, script)
	var open []rune
	pairs := map[rune]rune{')': '(', ']': '[', '}': '{'}
	for _, r := range text {
		switch {
		case strings.ContainsRune("([{", r):
			open = append(open, r)
		case pairs[r] != 0:
			if len(open) == 0 || open[len(open)-1] != pairs[r] {
				t.Fatalf("%s: a %c closes nothing:\n%s", file, r, text)
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Errorf("%s: %q is left open", file, string(open))
	}
	for n, line := range strings.Split(script, "\n") {
		if strings.Contains(line, " \t") || strings.HasPrefix(line, " ") || strings.TrimRight(line, " \t") != line {
			t.Errorf("%s:%d: spaces where they should not be: %q", file, n+1, line)
		}
	}
	if !strings.HasSuffix(script, "\n") || strings.HasSuffix(script, "\n\n") {
		t.Errorf("%s: it does not end in one newline", file)
	}
	if n := strings.Count(script, "\n"); n >= 200 {
		t.Errorf("%s: %d lines, want less than 200", file, n)
	}
	ifs, ends := strings.Count(script, "\n@if"), strings.Count(script, "\n@endif")
	if ifs != ends {
		t.Errorf("%s: %d conditions, %d ends", file, ifs, ends)
	}
	return text
}

// unknown returns the names in scripts that the scripts do not declare and that this
// version of Zeek does not have.
func unknown(t testing.TB, scripts []zeek.File, version int) []string {
	t.Helper()
	declared, used := map[string]bool{}, map[string]bool{}
	for _, f := range scripts {
		lint(t, f.Name, f.Content)
		text := code(t, f.Name, atVersion(f.Content, version))
		for _, m := range ifdef.FindAllStringSubmatch(f.Content, -1) {
			declared[m[1]] = true
		}
		for _, m := range module.FindAllStringSubmatch(text, -1) {
			declared[m[1]] = true
		}
		for _, m := range declaration.FindAllStringSubmatch(text, -1) {
			declared[m[1]+m[2]+m[3]] = true
		}
		for _, name := range identifier.FindAllString(text, -1) {
			used[name] = true
		}
	}
	var found []string
	for _, name := range slices.Sorted(maps.Keys(used)) {
		bare := strings.TrimPrefix(name, "$")
		last := bare[strings.LastIndex(bare, ":")+1:]
		own := declared[bare] || declared[last] && declared[strings.TrimSuffix(bare, "::"+last)]
		if field := name != bare; field && slices.Contains(fields, bare) {
			own = true
		}
		if !own && !slices.Contains(keywords, name) && !released.has(name, version) {
			found = append(found, name)
		}
	}
	return found
}

func TestScriptsUseOnlyNamesOfTheirZeekVersion(t *testing.T) {
	hosts := map[string]mgmt.Configuration{"one host": oneHost(), "two hosts": twoHosts()}
	for _, v := range []string{"5.0.0", "5.1.0", "6.0.0", "7.0.0", "7.1.0", "7.2.0", "8.0.0", "8.1.0", "8.2.0", "9.0.0", "9.1.0"} {
		for _, backend := range []zeek.Backend{zeek.Broker, zeek.ZeroMQ} {
			for _, protocol := range []zeek.AgentProtocol{zeek.AgentBroker, zeek.AgentWebSocket} {
				for where, c := range hosts {
					d := deployment(t, v, c, "worker-1")
					d.Backend, d.AgentProtocol = backend, protocol
					d.Plan.Node.RunOptions = []mgmt.Option{{Name: "Tst::a", Value: "1"}}
					d = withSocketTLS(d)
					has := d.Install.Version.AtLeast
					if backend == zeek.ZeroMQ && !has(7, 1) || protocol == zeek.AgentWebSocket && !has(8, 0) {
						continue // this combination does not exist
					}
					number := d.Install.Version.Major*10 + d.Install.Version.Minor
					scripts := slices.DeleteFunc(generate(t, d).Files, func(f zeek.File) bool { return !strings.HasSuffix(f.Name, ".zeek") })
					if names := unknown(t, scripts, number); len(names) > 0 {
						t.Errorf("Zeek %s, %s, %s, %s: the names %q are not declared", v, backend, protocol, where, names)
					}
				}
			}
		}
	}
}

func TestScriptsDoNotUseRemovedNames(t *testing.T) {
	for v, names := range map[string][]string{
		"6.0.0": {"Broker::metrics_port"},
		"7.1.0": {"$interface"},
		"9.1.0": {"policy/frameworks/management", "default_store_dir"},
	} {
		g := generate(t, deployment(t, v, oneHost(), "worker-1"))
		for _, f := range g.Files {
			for _, name := range names {
				if strings.Contains(f.Content, name) {
					t.Errorf("Zeek %s: %s has %s", v, f.Name, name)
				}
			}
		}
	}
}

func TestNodeScriptsLoadOneAnother(t *testing.T) {
	load := regexp.MustCompile(`(?m)^@load \./(.*)$`)
	for _, protocol := range []zeek.AgentProtocol{zeek.AgentBroker, zeek.AgentWebSocket} {
		files := zeek.NodeScriptFiles(protocol)
		loaded := []string{files[0].Name}
		for _, f := range files {
			if !slices.Contains(loaded, f.Name) {
				t.Errorf("%s: no earlier file loads %s", protocol, f.Name)
			}
			if !strings.HasPrefix(f.Content, "##! ") {
				t.Errorf("%s does not begin with a description", f.Name)
			}
			for _, m := range load.FindAllStringSubmatch(f.Content, -1) {
				loaded = append(loaded, m[1]+".zeek")
			}
		}
		if got := fmt.Sprint(len(slices.Compact(slices.Sorted(slices.Values(loaded))))); got != fmt.Sprint(len(files)) {
			t.Errorf("%s: %s files are loaded, %d are there", protocol, got, len(files))
		}
	}
}

// A script of another module cannot use a name that is not exported.
func TestNodeScriptExportsWhatSitesMayUse(t *testing.T) {
	var exported strings.Builder
	for _, f := range zeek.NodeScriptFiles(zeek.AgentBroker) {
		for _, m := range regexp.MustCompile(`(?ms)^export \{$(.*?)^\}$`).FindAllString(f.Content, -1) {
			exported.WriteString(m)
		}
	}
	for _, name := range []string{"type Dispatch:", "global dispatches:"} {
		if !strings.Contains(exported.String(), name) {
			t.Errorf("the node script does not export %q", name)
		}
	}
}

func TestNodeScriptUsesTheTLSOptionsOfTheOptionsScript(t *testing.T) {
	d := deployment(t, "8.1.0", oneHost(), "worker-1")
	d.AgentProtocol = zeek.AgentWebSocket
	with, without := generate(t, withSocketTLS(d)).Files[1].Content, generate(t, d).Files[1].Content
	uses := 0
	for _, f := range zeek.NodeScriptFiles(zeek.AgentWebSocket) {
		for _, m := range ifdef.FindAllStringSubmatch(f.Content, -1) {
			uses++
			if declares := "\tconst " + m[1] + " = "; !strings.Contains(with, declares) || strings.Contains(without, declares) {
				t.Errorf("%s depends on %s, and the options script is\n%s", f.Name, m[1], with)
			}
		}
	}
	if uses == 0 {
		t.Error("the node script never uses TLS")
	}
}
