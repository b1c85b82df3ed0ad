package settings_test

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

var compareAddr = cmpopts.EquateComparable(netip.Addr{})

// given has the flags, the variables and the file of one test.
type given struct {
	flags []string
	env   map[string]string
	file  string
}

func sources(t *testing.T, g given, add func(*pflag.FlagSet)) settings.Sources {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	add(fs)
	if err := fs.Parse(g.flags); err != nil {
		t.Fatalf("parse flags: %v", err)
	}
	return settings.Sources{
		Defaults: app.Defaults(),
		Flags:    fs,
		LookupEnv: func(name string) (string, bool) {
			text, ok := g.env[name]
			if name == "HOME" && !ok {
				return "/home/ann", true
			}
			if name == settings.ConfigEnv && g.file != "" {
				return "fleet.yaml", true
			}
			return text, ok
		},
		ReadFile: func(path string) ([]byte, error) {
			if path != "fleet.yaml" {
				return nil, errors.New("open " + path + ": no such file")
			}
			return []byte(g.file), nil
		},
		Hostname: "sensor-1",
	}
}

func defaultController() settings.Controller {
	local := netip.MustParseAddr("127.0.0.1")
	return settings.Controller{
		Common:          defaultCommon(),
		Name:            "controller-sensor-1",
		Directory:       "/home/ann/.local/state/zeekfleet/nodes/controller-sensor-1",
		Broker:          settings.Listen{Addr: local, Port: 2150},
		WebSocket:       settings.Listen{Addr: local, Port: 2149},
		BrokerPorts:     settings.PortAssignment{Enabled: true, Start: 2200},
		MetricsPorts:    settings.PortAssignment{Enabled: true, Start: 9000},
		HostNames:       []string{},
		AgentNames:      []string{},
		RequestTimeout:  10 * time.Second,
		DeployTimeout:   18 * time.Second,
		CertificateLife: 30 * 24 * time.Hour,
		EventsKeep:      1_000_000, EventsDays: 400, EventsMegabytes: 512,
		BundlesMegabytes: 20_480, BundleMegabytes: 512,
		AuditKeep: 100_000,
		AuditDays: 400,
		MaxAgents: 10_000,
		Alerts:    settings.Alerts{Rules: alerting.Defaults(), Repeat: 4 * time.Hour},
		SSO: settings.SSO{
			GroupsClaim:  "groups",
			NameClaim:    "preferred_username",
			SubjectClaim: "sub",
			Scopes:       []string{"openid", "profile", "email"},
			Life:         12 * time.Hour,
		},
		Cluster: settings.Cluster{
			Peer: settings.Listen{Port: 2152}, Heartbeat: 200 * time.Millisecond, Election: time.Second, QuotaMegabytes: 4096,
			Etcd: settings.Etcd{Endpoints: []string{}, Prefix: "zeekfleet/"},
		},
	}
}

func defaultAgent() settings.Agent {
	return settings.Agent{
		Common:          defaultCommon(),
		Name:            "agent-sensor-1",
		Directory:       "/home/ann/.local/state/zeekfleet/nodes/agent-sensor-1",
		Broker:          settings.Listen{Addr: netip.MustParseAddr("127.0.0.1"), Port: 2151},
		Controller:      "127.0.0.1:2150",
		ControllerNames: []string{},
		ForeignNodes:    []string{},
		AllowOptions:    []string{},
		AllowEnv:        []string{},
		AllowCommands:   []string{},
		AllowBundles:    []string{"*"},
		Bundles:         settings.HostBundles{MaxBytes: 10 << 30, Rate: 2 << 20},
		RemovedKeepDays: 7,
		Exec:            settings.Exec{Timeout: 20 * time.Second},
		RequestTimeout:  5 * time.Second,
		DeployTimeout:   14 * time.Second,
		StdoutFile:      "stdout",
		StderrFile:      "stderr",
		OutputLines:     100,
		Preflight:       settings.PreflightOn,
		Lifecycle:       defaultLifecycle(),
		Archive:         settings.Archive{Interval: time.Minute, Level: 6},
		Zeek:            defaultZeek(),
		Process:         settings.Process{LimitsBy: settings.LimitsAuto},
	}
}

func defaultCommon() settings.Common {
	return settings.Common{
		StateDir:     "/home/ann/.local/state/zeekfleet",
		ConnectRetry: time.Second,
		PeerSilence:  time.Minute,
		LocalUsers:   []string{},
		Transport:    settings.TransportAuto,
		Topics: settings.Topics{
			Controller: "zeek/management/controller",
			Agent:      "zeek/management/agent",
			Node:       "zeek/management/node",
		},
		LogLevel: slog.LevelInfo,
	}
}

// controllerSettings are settings of a controller from several sources, with the
// changes from the defaults that they must make.
var controllerSettings = map[string]struct {
	given given
	want  func(*settings.Controller)
}{
	"nothing set gives the defaults": {want: func(*settings.Controller) {}},
	"a flag wins over environment and file": {
		given: given{flags: []string{"--listen-port=1"}, env: map[string]string{"ZEEK_CONTROLLER_PORT": "2"},
			file: "controller:\n  listen_port: 3"},
		want: func(c *settings.Controller) { c.Broker.Port = 1 },
	},
	"the environment wins over the file": {
		given: given{env: map[string]string{"ZEEK_CONTROLLER_PORT": "2/tcp"}, file: "controller:\n  listen_port: 3"},
		want:  func(c *settings.Controller) { c.Broker.Port = 2 },
	},
	"the file wins over the default": {
		given: given{file: "controller:\n  listen_port: 3/tcp\n"},
		want:  func(c *settings.Controller) { c.Broker.Port = 3 },
	},
	"an empty environment variable counts as unset": {
		given: given{env: map[string]string{"ZEEK_CONTROLLER_NAME": ""}},
		want:  func(*settings.Controller) {},
	},
	"names decide directories": {
		given: given{env: map[string]string{"ZEEK_CONTROLLER_NAME": "c", "ZEEK_MANAGEMENT_STATE_DIR": "/s"}},
		want: func(c *settings.Controller) {
			c.Name, c.StateDir, c.Directory = "c", "/s", "/s/nodes/c"
		},
	},
	"a relative directory is below nodes": {
		given: given{flags: []string{"--directory", "ctl", "--state-dir", "/s"}},
		want:  func(c *settings.Controller) { c.StateDir, c.Directory = "/s", "/s/nodes/ctl" },
	},
	"an absolute directory stays": {
		given: given{flags: []string{"--directory", "/srv/ctl"}},
		want:  func(c *settings.Controller) { c.Directory = "/srv/ctl" },
	},
	"the default address serves listeners without their own": {
		given: given{flags: []string{"--default-address=::1", "--websocket-address=127.0.0.2"}},
		want: func(c *settings.Controller) {
			c.Broker.Addr, c.WebSocket.Addr = netip.MustParseAddr("::1"), netip.MustParseAddr("127.0.0.2")
		},
	},
	"a listener can be off, in Zeek's words and in ours": {
		given: given{flags: []string{"--listen-port=0/unknown", "--websocket-port=off"}},
		want: func(c *settings.Controller) {
			c.Broker.Port, c.Broker.Off, c.WebSocket.Port, c.WebSocket.Off = 0, true, 0, true
		},
	},
	"listening elsewhere needs insecure": {
		given: given{flags: []string{"--default-address=0.0.0.0", "--insecure"}},
		want: func(c *settings.Controller) {
			any4 := netip.IPv4Unspecified()
			c.Broker.Addr, c.WebSocket.Addr, c.Insecure = any4, any4, true
		},
	},
	"listening elsewhere is fine with mutual TLS": {
		given: given{file: `
default_address: 192.0.2.1
tls: {cert: c.pem, key: k.pem, ca: ca.pem}
controller:
  websocket_tls: {cert: c.pem, key: k.pem, ca: ca.pem, verify: yes}
`},
		want: func(c *settings.Controller) {
			addr := netip.MustParseAddr("192.0.2.1")
			files := settings.TLS{Cert: "c.pem", Key: "k.pem", CA: "ca.pem"}
			c.Broker.Addr, c.WebSocket.Addr = addr, addr
			c.TLS, c.WebSocketTLS, c.WebSocketVerify = files, files, true
		},
	},
	"with an authority, listening elsewhere needs nothing, and clients go there as well": {
		given: given{flags: []string{"--listen-address=192.0.2.1"}},
		want: func(c *settings.Controller) {
			c.Broker.Addr = netip.MustParseAddr("192.0.2.1")
			c.WebSocket.Addr = c.Broker.Addr
		},
	},
	"with certificates from files, clients do not follow the agents": {
		given: given{flags: []string{"--listen-address=192.0.2.1", "--tls-cert=c", "--tls-key=k", "--tls-ca=a"}},
		want: func(c *settings.Controller) {
			c.Broker.Addr, c.TLS = netip.MustParseAddr("192.0.2.1"), settings.TLS{Cert: "c", Key: "k", CA: "a"}
		},
	},
	"insecure clients do not follow the agents": {
		given: given{flags: []string{"--listen-address=192.0.2.1", "--insecure"}},
		want:  func(c *settings.Controller) { c.Broker.Addr, c.Insecure = netip.MustParseAddr("192.0.2.1"), true },
	},
	"certificates of an organisation have identities": {
		given: given{file: "tls:\n  identities: [dns:*.sensors.example=agent/*, 'cn:ann=user/ann']\ncontroller: {certificate_life: 3}\n"},
		want: func(c *settings.Controller) {
			c.Identities = []identity.Rule{
				{Subject: "dns:*.sensors.example", Identity: identity.Identity{Kind: identity.Agent, Name: "*"}},
				{Subject: "cn:ann", Identity: identity.Identity{Kind: identity.User, Name: "ann"}},
			}
			c.CertificateLife = 3 * time.Second
		},
	},
	"an agent of Zeek is admitted by its certificate": {
		given: given{file: "controller:\n  admit:\n  - sensor-9=sha256:" + strings.Repeat("0A1F", 16) + "\n"},
		want: func(c *settings.Controller) {
			c.Admit = []identity.Pin{{
				Identity:    identity.Identity{Kind: identity.Agent, Name: "sensor-9"},
				Fingerprint: "sha256:" + strings.Repeat("0a1f", 16),
			}}
		},
	},
	"ports need not be assigned": {
		given: given{flags: []string{"--auto-assign-broker-ports=F", "--auto-assign-metrics-start-port=9100"}},
		want:  func(c *settings.Controller) { c.BrokerPorts.Enabled, c.MetricsPorts.Start = false, 9100 },
	},
	"times may lack a unit": {
		given: given{env: map[string]string{"ZEEK_DEFAULT_CONNECT_RETRY": "3"}, flags: []string{"--request-timeout=1.5s"}},
		want: func(c *settings.Controller) {
			c.ConnectRetry, c.RequestTimeout = 3*time.Second, 1500*time.Millisecond
		},
	},
	"an agent's part of the file is not the controller's": {
		given: given{file: "agent: {name: a}\nlog_level: debug\ntransport: tls"},
		want:  func(c *settings.Controller) { c.LogLevel, c.Transport = slog.LevelDebug, settings.TransportTLS },
	},
	"a file of comments sets nothing": {given: given{file: "# later\n"}, want: func(*settings.Controller) {}},
}

func TestResolveController(t *testing.T) {
	for name, tt := range controllerSettings {
		t.Run(name, func(t *testing.T) {
			want := defaultController()
			tt.want(&want)
			got, _, err := settings.ResolveController(sources(t, tt.given, app.Defaults().AddControllerFlags))
			if err != nil {
				t.Fatalf("ResolveController: %v", err)
			}
			if diff := gocmp.Diff(want, got, compareAddr); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveAgent(t *testing.T) {
	tests := map[string]struct {
		given given
		want  func(*settings.Agent)
	}{
		"nothing set gives the defaults": {want: func(*settings.Agent) {}},
		"the controller's port in the environment is the one to dial": {
			given: given{env: map[string]string{"ZEEK_CONTROLLER_PORT": "5150/tcp"}},
			want:  func(a *settings.Agent) { a.Controller = "127.0.0.1:5150" },
		},
		"the controller's port in the file is the one to dial": {
			given: given{file: "controller:\n  listen_port: 5151\n"},
			want:  func(a *settings.Agent) { a.Controller = "127.0.0.1:5151" },
		},
		"the agent's setting of the controller's port wins": {
			given: given{file: "controller: {listen_port: 5151}\nagent: {controller_port: 5152, controller_address: hub.example}\n"},
			want:  func(a *settings.Agent) { a.Controller = "hub.example:5152" },
		},
		"0.0.0.0 means to wait for the controller": {
			given: given{flags: []string{"--controller-address=0.0.0.0"}},
			want:  func(a *settings.Agent) { a.Controller = "" },
		},
		"an IPv6 controller may have brackets": {
			given: given{flags: []string{"--controller-address=[2001:db8::1]"}},
			want:  func(a *settings.Agent) { a.Controller = "[2001:db8::1]:2150" },
		},
		"a file for output can be left out": {
			given: given{flags: []string{"--stdout-file=", "--stderr-file=err.log", "--output-max-lines=0"}},
			want:  func(a *settings.Agent) { a.StdoutFile, a.StderrFile, a.OutputLines = "", "err.log", 0 },
		},
		"without a home the state directory is the system's": {
			given: given{env: map[string]string{"HOME": ""}},
			want: func(a *settings.Agent) {
				a.StateDir, a.Directory = "/var/lib/zeekfleet", "/var/lib/zeekfleet/nodes/agent-sensor-1"
			},
		},
		"XDG_STATE_HOME gives the state directory": {
			given: given{env: map[string]string{"XDG_STATE_HOME": "/x"}},
			want: func(a *settings.Agent) {
				a.StateDir, a.Directory = "/x/zeekfleet", "/x/zeekfleet/nodes/agent-sensor-1"
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := defaultAgent()
			tt.want(&want)
			want.SpoolDir = cmp.Or(want.SpoolDir, want.StateDir+"/spool")
			want.Archive.Dir = cmp.Or(want.Archive.Dir, want.StateDir+"/logs")
			got, _, err := settings.ResolveAgent(sources(t, tt.given, app.Defaults().AddAgentFlags))
			if err != nil {
				t.Fatalf("ResolveAgent: %v", err)
			}
			if diff := gocmp.Diff(want, got, compareAddr, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

// wrongSettings are settings that are refused, each with its error.
var wrongSettings = map[string]struct {
	given given
	want  string
}{
	"bad environment": {
		given: given{env: map[string]string{"ZEEK_CONTROLLER_PORT": "x"}},
		want:  `controller.listen_port: "x" from environment ZEEK_CONTROLLER_PORT is not a port: it must be 0 to 65535, with or without /tcp`,
	},
	"bad file": {
		given: given{file: "# one\ncontroller:\n  websocket_address: localhost\n"},
		want:  `controller.websocket_address: "localhost" from file fleet.yaml:3 is not an IP address`,
	},
	"unknown setting": {
		given: given{file: "controller:\n  listen_prot: 1\n"},
		want:  `fleet.yaml:2: unknown setting "controller.listen_prot"; did you mean "controller.listen_port"?`,
	},
	"unknown section": {
		given: given{file: "\nctl:\n  listen_port: 1\n"},
		want:  `fleet.yaml:2: unknown setting "ctl"`,
	},
	"the same setting twice": {
		given: given{file: "insecure: true\ninsecure: false\n"},
		want:  "fleet.yaml:2: insecure is already set on line 1",
	},
	"a section that is a value": {
		given: given{file: "controller: 1\n"},
		want:  "fleet.yaml:1: controller must be a section with settings",
	},
	"a value that is a list": {
		given: given{file: "insecure: [true]\n"},
		want:  "fleet.yaml:1: insecure must have one value",
	},
	"a list with blanks": {
		given: given{file: "local_users:\n  - ann\n  - the others\n"},
		want:  `fleet.yaml:2: local_users: "the others" in the list is not one word`,
	},
	"a list of lists": {
		given: given{file: "local_users:\n  - ann\n  - [bob]\n"},
		want:  "fleet.yaml:3: local_users must be a list of texts",
	},
	"a key without value": {
		given: given{file: "controller:\n  name:\n"},
		want:  "fleet.yaml:2: controller.name must have one value",
	},
	"not a mapping": {
		given: given{file: "- a\n"},
		want:  "fleet.yaml:1: not a mapping of settings",
	},
	"missing file": {
		given: given{flags: []string{"--config=gone.yaml"}},
		want:  "read configuration (--config): open gone.yaml: no such file",
	},
	"missing file of the environment": {
		given: given{env: map[string]string{"ZEEKFLEET_CONFIG": "gone.yaml"}},
		want:  "read configuration (ZEEKFLEET_CONFIG): open gone.yaml: no such file",
	},
	"a path with ~": {
		given: given{env: map[string]string{"ZEEK_MANAGEMENT_STATE_DIR": "~/fleet"}},
		want:  `state_dir: "~/fleet" from environment ZEEK_MANAGEMENT_STATE_DIR is not a path: only a shell replaces the ~, so write the directory out`,
	},
	"open to the world in plain text": {
		given: given{env: map[string]string{"ZEEK_CONTROLLER_ADDR": "0.0.0.0"}, flags: []string{"--transport=plain"}},
		want:  "controller.listen_address: 0.0.0.0 from environment ZEEK_CONTROLLER_ADDR would let everyone who reaches it control the cluster, with transport plain from flag --transport: remove that, or allow it with --insecure (ZEEKFLEET_INSECURE, or insecure in the file)",
	},
	"an identity without a kind of name": {
		given: given{env: map[string]string{"ZEEKFLEET_TLS_IDENTITIES": "dns:a.example=agent/a sensor.example=agent/b"}},
		want:  `tls.identities: "dns:a.example=agent/a sensor.example=agent/b" from environment ZEEKFLEET_TLS_IDENTITIES is not a list of identities: "sensor.example" is not a name in a certificate: write uri:NAME, dns:NAME or cn:NAME`,
	},
	"a star that stands for nothing": {
		given: given{file: "tls:\n  identities:\n  - dns:a.example=agent/*\n"},
		want:  `tls.identities: "dns:a.example=agent/*" from file fleet.yaml:3 is not a list of identities: "dns:a.example=agent/*" has a star in the identity, and none in the name of the certificate`,
	},
	"etcd without a cluster": {
		given: given{env: map[string]string{"ZEEKFLEET_ETCD_ENDPOINTS": "https://etcd-1:2379"}},
		want:  "controller.etcd.endpoints from environment ZEEKFLEET_ETCD_ENDPOINTS has no effect without controller.cluster: set it to true",
	},
	"a cluster without an authority": {
		given: given{flags: []string{"--cluster", "--insecure"}},
		want:  "controller.cluster from flag --cluster needs an authority of the cluster's own: with certificates from files (tls.cert), or with insecure, there is one controller only",
	},
	"a cluster without a port for clients": {
		given: given{flags: []string{"--cluster", "--websocket-port=off"}},
		want:  "controller.cluster from flag --cluster needs both ports of the controller: none of controller.listen_port and controller.websocket_port can be off",
	},
	"an election that is too quick": {
		given: given{file: "controller:\n  cluster: true\n  store:\n    heartbeat: 300ms\n"},
		want:  "controller.store.election: 1s from default is shorter than five times controller.store.heartbeat (300ms): leaders would be lost without a cause",
	},
	"certificates that live too short": {
		given: given{env: map[string]string{"ZEEKFLEET_CONTROLLER_CERTIFICATE_LIFE": "100ms"}},
		want:  `controller.certificate_life: "100ms" from environment ZEEKFLEET_CONTROLLER_CERTIFICATE_LIFE is not a time between 1s and 87600h0m0s, such as 1.5s or 500ms`,
	},
	"WebSocket open to the world although encrypted": {
		given: given{flags: []string{
			"--websocket-address=::", "--websocket-tls-cert=c", "--websocket-tls-key=k", "--tls-cert=c", "--tls-key=k", "--tls-ca=a",
		}},
		want: "controller.websocket_address: :: from flag --websocket-address would let everyone who reaches it control the cluster; set controller.websocket_tls.cert, .key, .ca and .verify, or allow it with --insecure (ZEEKFLEET_INSECURE, or insecure in the file)",
	},
	"certificate without key": {
		given: given{flags: []string{"--tls-cert=c.pem"}},
		want:  "tls.cert from flag --tls-cert needs a key: set --tls-key (ZEEKFLEET_TLS_KEY, or tls.key in the file)",
	},
	"key without certificate": {
		given: given{flags: []string{"--websocket-tls-key=k.pem"}},
		want:  "controller.websocket_tls.key from flag --websocket-tls-key needs a certificate: set --websocket-tls-cert (ZEEKFLEET_WEBSOCKET_TLS_CERT, or controller.websocket_tls.cert in the file)",
	},
	"authorities without certificate": {
		given: given{flags: []string{"--tls-ca=ca.pem"}},
		want:  "tls.ca from flag --tls-ca needs tls.cert and tls.key",
	},
	"verification without authorities": {
		given: given{flags: []string{"--websocket-tls-verify"}},
		want:  "controller.websocket_tls.verify from flag --websocket-tls-verify needs controller.websocket_tls.cert, .key and .ca",
	},
	"certificate without authorities": {
		given: given{flags: []string{"--tls-cert=c.pem", "--tls-key=k.pem"}},
		want:  "tls.cert from flag --tls-cert needs the authorities that are trusted: set --tls-ca (ZEEKFLEET_TLS_CA, or tls.ca in the file)",
	},
	"plain with a certificate": {
		given: given{flags: []string{"--transport=plain", "--tls-cert=c", "--tls-key=k"}},
		want:  "with transport plain from flag --transport, tls.cert from flag --tls-cert has no effect: remove one of them",
	},
}

func TestResolveErrors(t *testing.T) {
	for name, tt := range wrongSettings {
		t.Run(name, func(t *testing.T) {
			_, _, err := settings.ResolveController(sources(t, tt.given, app.Defaults().AddControllerFlags))
			if err == nil || err.Error() != tt.want {
				t.Errorf("ResolveController:\n got %v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestErrorOfInvalidYAMLNamesTheLine(t *testing.T) {
	for name, text := range map[string]string{
		"open bracket":  "insecure: true\ntls: {cert: c\n",
		"binary":        "\x00\x01\x02\xff",
		"two documents": "insecure: true\n---\ninsecure: false\n",
		"an alias":      "tls: &t {cert: c}\ncontroller: {websocket_tls: *t}\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := settings.ResolveController(sources(t, given{file: text}, app.Defaults().AddControllerFlags))
			if err == nil || !strings.HasPrefix(err.Error(), "fleet.yaml:") || strings.Contains(err.Error(), "\n") {
				t.Errorf("ResolveController: got %v, want one line that names file and line", err)
			}
		})
	}
}

func TestErrorOfATabNamesTheLine(t *testing.T) {
	for text, line := range map[string]int{
		"agent:\n\tname: x\n": 2,
		"# a comment\n\t# another\n\nagent:\n  name: x\n\tport: 1\n": 6,
		"agent:\n  \tname: x\n":               2,
		"agent:\n  backoff:\n\t\tfirst: 1s\n": 3,
		"tls: {\n\tcert: c\n":                 2, // here the tab is allowed, and the missing brace is the error
		"agent:\r\n\tname: x\r\n":             2,
	} {
		_, _, err := settings.ResolveAgent(sources(t, given{file: text}, app.Defaults().AddAgentFlags))
		if want := fmt.Sprintf("fleet.yaml:%d: indented with a tab: YAML allows only blanks", line); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	// Tabs between words and before comments are allowed.
	for _, text := range []string{"agent:\n  name:\tx\n", "\t# a comment\nagent:\n  name: x\n", "controller:\n  name: x\t\n"} {
		if _, _, err := settings.ResolveAgent(sources(t, given{file: text}, app.Defaults().AddAgentFlags)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestBadFlagIsRefusedWhenParsed(t *testing.T) {
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	app.Defaults().AddAgentFlags(fs)
	err := fs.Parse([]string{"--listen-port=65536"})
	want := `invalid argument "65536" for "--listen-port" flag: not a port: it must be 0 to 65535, with or without /tcp`
	if err == nil || err.Error() != want {
		t.Errorf("Parse:\n got %v\nwant %s", err, want)
	}
}

func TestEntriesHaveTheOriginOfEachValue(t *testing.T) {
	src := sources(t, given{
		flags: []string{"--name=a"},
		env:   map[string]string{"ZEEKFLEET_DEFAULT_ADDRESS": "127.0.0.9"},
		file:  "\nlog_level: WARN\nstate_dir: /s",
	}, app.Defaults().AddAgentFlags)
	_, entries, err := settings.ResolveAgent(src)
	if err != nil {
		t.Fatalf("ResolveAgent: %v", err)
	}
	got := make(map[string]settings.Entry)
	for _, e := range entries {
		got[e.Key] = e
	}
	for _, want := range []settings.Entry{
		{Key: "agent.name", Value: "a", Origin: "flag --name"},
		{Key: "agent.listen_address", Value: "127.0.0.9", Origin: "environment ZEEKFLEET_DEFAULT_ADDRESS"},
		{Key: "log_level", Value: "warn", Origin: "file fleet.yaml:2"},
		{Key: "agent.directory", Value: "/s/nodes/a", Origin: "default"},
		{Key: "agent.controller_port", Value: "2150", Origin: "default"},
	} {
		if got[want.Key] != want {
			t.Errorf("entry %s: got %v, want %v", want.Key, got[want.Key], want)
		}
	}
	var text strings.Builder
	if err := settings.Print(&text, entries[:3]); err != nil {
		t.Fatal(err)
	}
	want := `SETTING          VALUE      FROM
state_dir        /s         file fleet.yaml:3
default_address  127.0.0.9  environment ZEEKFLEET_DEFAULT_ADDRESS
insecure         false      default
`
	if diff := gocmp.Diff(want, text.String()); diff != "" {
		t.Errorf("Print (-want +got):\n%s", diff)
	}
}

// FuzzFile makes texts of the configuration file.
func FuzzFile(f *testing.F) {
	f.Add("controller:\n  listen_port: 3/tcp\n")
	f.Add("tls: &t {cert: c}\ncontroller: {websocket_tls: *t}\n")
	f.Add("insecure: true\n---\n")
	f.Add("? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		src := settings.Sources{
			Defaults:  app.Defaults(),
			LookupEnv: func(name string) (string, bool) { return "f.yaml", name == settings.ConfigEnv },
			ReadFile:  func(string) ([]byte, error) { return []byte(text), nil },
		}
		_, _, err := settings.ResolveController(src)
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("error of more than one line: %q", err)
		}
	})
}

func TestEmptySectionIsAllowed(t *testing.T) {
	for name, text := range map[string]string{
		"at the top":             "controller:\nlog_level: debug\n",
		"within another":         "agent:\n  backoff:\nlog_level: debug\n",
		"with nothing but notes": "controller:\n  # listen_port: 1\nlog_level: debug\n",
	} {
		t.Run(name, func(t *testing.T) {
			c, _, err := settings.ResolveController(sources(t, given{file: text}, app.Defaults().AddControllerFlags))
			if err != nil || c.LogLevel != slog.LevelDebug || c.Broker.Port != 2150 {
				t.Errorf("got level %v, port %d, %v", c.LogLevel, c.Broker.Port, err)
			}
		})
	}
}

func TestSettingWithManyWordsMayBeAList(t *testing.T) {
	c, entries, err := settings.ResolveController(sources(t, given{
		file: "local_users: [ann, 1000]\ncontroller:\n  agent_names:\n  - a.example=a\n  - b.example=b\n",
	}, app.Defaults().AddControllerFlags))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ann", "1000"}; !gocmp.Equal(c.LocalUsers, want) {
		t.Errorf("local_users: got %q, want %q", c.LocalUsers, want)
	}
	if want := []string{"a.example=a", "b.example=b"}; !gocmp.Equal(c.AgentNames, want) {
		t.Errorf("controller.agent_names: got %q, want %q", c.AgentNames, want)
	}
	for _, e := range entries {
		if e.Key == "local_users" && e.Origin != "file fleet.yaml:1" {
			t.Errorf("the origin of local_users is %q", e.Origin)
		}
	}
}

func TestErrorOfAnUnknownSettingSuggestsTheNearest(t *testing.T) {
	for text, want := range map[string]string{
		"agnet:\n  name: x\n":                 `fleet.yaml:1: unknown setting "agnet"; did you mean "agent"?`,
		"agent:\n  backof:\n    first: 1s\n":  `fleet.yaml:2: unknown setting "agent.backof"; did you mean "agent.backoff"?`,
		"agent:\n  backoff:\n    frist: 1s\n": `fleet.yaml:3: unknown setting "agent.backoff.frist"; did you mean "agent.backoff.first"?`,
		"websocket_port: 1\n":                 `fleet.yaml:1: unknown setting "websocket_port"; did you mean "controller.websocket_port"?`,
		"controller:\n  stdout_file: x\n":     `fleet.yaml:2: unknown setting "controller.stdout_file"; did you mean "agent.stdout_file"?`,
		"carrier_pigeon: true\n":              `fleet.yaml:1: unknown setting "carrier_pigeon"`,
		"agent:\n  name:\n":                   "fleet.yaml:2: agent.name must have one value",
	} {
		_, _, err := settings.ResolveAgent(sources(t, given{file: text}, app.Defaults().AddAgentFlags))
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestWarningAboutAnUnknownVariableSuggestsTheNearest(t *testing.T) {
	for assignment, want := range map[string]string{
		"ZEEKFLEET_INSCURE=1":              "nothing reads the environment variable ZEEKFLEET_INSCURE; did you mean ZEEKFLEET_INSECURE?",
		"ZEEKFLEET_CARRIER_PIGEON=1":       "nothing reads the environment variable ZEEKFLEET_CARRIER_PIGEON",
		"ZEEK_CONTROLER_PORT=1":            "",
		"ZEEK_CONTROLLER_PROT=1":           "nothing reads the environment variable ZEEK_CONTROLLER_PROT; did you mean ZEEK_CONTROLLER_PORT?",
		"ZEEK_CLIENT_CONFIG_SETINGS=a.b=c": "nothing reads the environment variable ZEEK_CLIENT_CONFIG_SETINGS; did you mean ZEEK_CLIENT_CONFIG_SETTINGS?",
		// These names are made from the key of a setting or from a variable of Zeek.
		"ZEEKFLEET_AGENT_PREFLIGHT=off": "nothing reads the environment variable ZEEKFLEET_AGENT_PREFLIGHT; did you mean ZEEKFLEET_PREFLIGHT?",
		"ZEEKFLEET_AGENT_NAM=x":         "nothing reads the environment variable ZEEKFLEET_AGENT_NAM; did you mean ZEEK_AGENT_NAME?",
		"ZEEKFLEET_CONTROLLER_PORT=1":   "nothing reads the environment variable ZEEKFLEET_CONTROLLER_PORT; did you mean ZEEK_CONTROLLER_PORT?",
		"ZEEKFLEET_INSCURE=":            "",
		"ZEEKFLEET_INSECURE=1":          "",
		"ZEEKFLEET_CONFIG=f":            "",
		"ZEEKFLEET_CPUS=0-3":            "",
		"ZEEK_MANAGEMENT_NODE=x":        "",
		"ZEEK_AGENT_COLOUR=x":           "",
		"ZEEK_DEFAULT_LISTEN_RETRY=1":   "",
		"PATH=/bin":                     "",
	} {
		var list []string
		if want != "" {
			list = []string{want}
		}
		if got := settings.UnknownVariables([]string{assignment}); !gocmp.Equal(got, list) {
			t.Errorf("%s: got %q, want %q", assignment, got, list)
		}
	}
}
