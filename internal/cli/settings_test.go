package cli_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// configured holds the sources of settings of one test.
type configured struct {
	files        map[string]string
	env          map[string]string
	configFile   string
	set          []string
	controller   string
	verbosity    int
	asZeekClient bool
}

func (g configured) sources() cli.SettingsSources {
	return cli.SettingsSources{
		ReadFile: func(path string) ([]byte, error) {
			text, ok := g.files[path]
			if path == "etc.cfg" && text == "forbidden" {
				return nil, fmt.Errorf("open %s: %w", path, fs.ErrPermission)
			}
			if !ok {
				return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
			}
			return []byte(text), nil
		},
		DefaultFiles: []string{"home.cfg", "etc.cfg"},
		LookupEnv:    func(name string) (string, bool) { v, ok := g.env[name]; return v, ok },
		ConfigFile:   g.configFile,
		Set:          g.set,
		Controller:   g.controller,
		Verbosity:    g.verbosity,
		AsZeekClient: g.asZeekClient,
	}
}

// resolvedSettings are settings from several sources.
var resolvedSettings = map[string]struct {
	given    configured
	want     func(*cli.Settings)
	warnings []string
}{
	"nothing set": {want: func(*cli.Settings) {}},
	"later sources win": {
		given: configured{
			files: map[string]string{"c.cfg": "[controller]\nhost = f\nport: 1\n[client]\npretty_json = no\nverbosity = 1\n"},
			env: map[string]string{
				"ZEEK_CLIENT_CONFIG_FILE": "c.cfg", "ZEEK_CLIENT_CONFIG_SETTINGS": "controller.host=e client.rich_logging_format='on'",
			},
			set: []string{"controller.port=3", "controller.PORT=4"}, controller: ":5", verbosity: 2,
		},
		want: func(s *cli.Settings) {
			s.Host, s.Port, s.PrettyJSON, s.RichLogging, s.Verbosity = "e", 5, false, true, 2
		},
	},
	"the command line's file wins over the environment's": {
		given: configured{
			files: map[string]string{"a": "[ssl]\nenable=yes\ncafile=ca.pem\n", "b": "[ssl]\nenable=x\n"}, configFile: "a",
			env: map[string]string{"ZEEK_CLIENT_CONFIG_FILE": "b"},
		},
		want: func(s *cli.Settings) { s.TLS.Enable, s.TLS.CAFile = true, "ca.pem" },
	},
	"the first of the usual files is read": {
		given: configured{files: map[string]string{"etc.cfg": "[controller]\nhost=h\n"}},
		want:  func(s *cli.Settings) { s.Host = "h" },
	},
	"a usual file without permission to read it is skipped with a warning": {
		given: configured{files: map[string]string{"etc.cfg": "forbidden"}}, want: func(*cli.Settings) {},
		warnings: []string{"settings file etc.cfg is not read: permission denied"},
	},
	"as zeek-client a missing file is a warning": {
		given: configured{configFile: "gone.cfg", asZeekClient: true}, want: func(*cli.Settings) {},
		warnings: []string{"settings file gone.cfg does not exist"},
	},
	"as zeek-client unknown settings of all sources are warnings": {
		given: configured{
			files: map[string]string{"home.cfg": "[client]\npretty = no\n[mine]\nx=1\n"},
			env:   map[string]string{"ZEEK_CLIENT_CONFIG_SETTINGS": "mine.y=1"}, set: []string{"mine.z=1"}, asZeekClient: true,
		},
		want: func(*cli.Settings) {},
		warnings: []string{
			`home.cfg:2: ignoring unknown setting "client.pretty"`, `home.cfg:4: ignoring unknown setting "mine.x"`,
			`ZEEK_CLIENT_CONFIG_SETTINGS: ignoring unknown setting "mine.y"`, `--set: ignoring unknown setting "mine.z"`,
		},
	},
	"a deprecated setting of any source is a warning": {
		given: configured{
			files: map[string]string{"home.cfg": "[ssl]\ndisable = yes\n"},
			env:   map[string]string{"ZEEK_CLIENT_CONFIG_SETTINGS": "ssl.disable=true"}, set: []string{"ssl.disable=true"},
		},
		want: func(*cli.Settings) {},
		warnings: []string{
			"home.cfg:2: ssl.disable is deprecated and has no effect: use ssl.enable",
			"ZEEK_CLIENT_CONFIG_SETTINGS: ssl.disable is deprecated and has no effect: use ssl.enable",
			"--set: ssl.disable is deprecated and has no effect: use ssl.enable",
		},
	},
	"a key without value and a comment behind a value are warnings": {
		given:    configured{files: map[string]string{"home.cfg": "[ssl]\nenable\ncafile = ca.pem # ours\n"}},
		want:     func(s *cli.Settings) { s.TLS.CAFile = "ca.pem # ours" },
		warnings: []string{`home.cfg:2: "enable" has no value, and no effect`, `home.cfg:3: "# ours" is taken as part of the value: a comment needs a line of its own`},
	},
	"an entry that a value refers to needs no other use": {
		given: configured{files: map[string]string{"home.cfg": "[DEFAULT]\ndir = /x\n[ssl]\nname = ca\ncafile = %(dir)s/%(name)s.pem\n"}},
		want:  func(s *cli.Settings) { s.TLS.CAFile = "/x/ca.pem" },
	},
	"percent signs and references": {
		given: configured{set: []string{"ssl.passphrase=50%%", "ssl.cafile=/x/%(keyfile)s", "ssl.keyfile=k"}},
		want:  func(s *cli.Settings) { s.TLS.Passphrase, s.TLS.CAFile, s.TLS.KeyFile = "50%", "/x/k", "k" },
	},
	"numbers": {
		given: configured{set: []string{"client.request_timeout_secs=0.5", "client.peering_attempts=0", "client.peering_retry_delay_secs=2"}},
		want: func(s *cli.Settings) {
			s.RequestTimeout, s.PeeringAttempts, s.PeeringRetryDelay = 500*time.Millisecond, 0, 2*time.Second
		},
	},
	"a controller's host":             {given: configured{controller: "foo"}, want: func(s *cli.Settings) { s.Host = "foo" }},
	"a host and a colon":              {given: configured{controller: "foo:"}, want: func(s *cli.Settings) { s.Host = "foo" }},
	"a port":                          {given: configured{controller: ":2222"}, want: func(s *cli.Settings) { s.Port = 2222 }},
	"host and port":                   {given: configured{controller: "foo:2222"}, want: func(s *cli.Settings) { s.Host, s.Port = "foo", 2222 }},
	"an address in brackets":          {given: configured{controller: "[fe80::1]"}, want: func(s *cli.Settings) { s.Host = "[fe80::1]" }},
	"an address and a colon":          {given: configured{controller: "[fe80::1]:"}, want: func(s *cli.Settings) { s.Host = "[fe80::1]" }},
	"an address with a zone and port": {given: configured{controller: "[fe80::1%e]:1"}, want: func(s *cli.Settings) { s.Host, s.Port = "[fe80::1%e]", 1 }},
	"a colon":                         {given: configured{controller: ":"}, want: func(*cli.Settings) {}},
}

func TestResolveSettings(t *testing.T) {
	for name, tt := range resolvedSettings {
		t.Run(name, func(t *testing.T) {
			want := cli.Settings{
				RequestTimeout: 20 * time.Second, PeeringAttempts: 10, PeeringRetryDelay: time.Second, PrettyJSON: true,
				Host: "127.0.0.1", Port: 2149,
			}
			tt.want(&want)
			got, warnings, err := cli.ResolveSettings(tt.given.sources())
			if err != nil {
				t.Fatalf("ResolveSettings: %v", err)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(cli.Settings{}, "Text")); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.warnings, warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestResolveSettingsRefuses(t *testing.T) {
	tests := map[string]struct {
		given configured
		want  string
		usage bool
	}{
		"an item without value": {configured{set: []string{"a.b"}}, `config item "a.b" invalid. Please use <section.key>=<val>.`, true},
		"an item without key":   {configured{set: []string{"a=b"}}, `config item "a=b" invalid. Please use <section.key>=<val>.`, true},
		"an item in the environment": {configured{env: map[string]string{"ZEEK_CLIENT_CONFIG_SETTINGS": "x"}},
			`config item "x" in ZEEK_CLIENT_CONFIG_SETTINGS invalid. Please use <section.key>=<val>.`, true},
		"an open quote in the environment": {configured{env: map[string]string{"ZEEK_CLIENT_CONFIG_SETTINGS": "a.b='"}},
			"ZEEK_CLIENT_CONFIG_SETTINGS: No closing quotation", true},
		"an unknown setting": {configured{set: []string{"controller.prot=1"}},
			`config item "controller.prot=1": no such setting; did you mean "controller.port"?`, true},
		"an unknown setting in the environment": {configured{env: map[string]string{"ZEEK_CLIENT_CONFIG_SETTINGS": "controller.prot=1"}},
			`config item "controller.prot=1" in ZEEK_CLIENT_CONFIG_SETTINGS: no such setting; did you mean "controller.port"?`, true},
		"an unknown setting in the file": {configured{files: map[string]string{"home.cfg": "[controller]\nprot = 1\n"}},
			`home.cfg:2: no such setting: "controller.prot"; did you mean "controller.port"?`, false},
		"an unknown setting that resembles none": {configured{set: []string{"controller.address=1"}},
			`config item "controller.address=1": no such setting; there are controller.host, controller.port`, true},
		"a setting of another section": {configured{set: []string{"client.host=x"}},
			`config item "client.host=x": no such setting; did you mean "controller.host"?`, true},
		"an unknown section": {configured{files: map[string]string{"home.cfg": "[controler]\nhost = x\n"}},
			`home.cfg:2: no such setting: "controler.host"; did you mean "controller.host"?`, false},
		"an unknown default": {configured{files: map[string]string{"home.cfg": "[DEFAULT]\nx = 1\nport = 1\n"}},
			`home.cfg:2: no such setting: "DEFAULT.x"; there are ` + allSettings, false},
		"text behind a header": {configured{files: map[string]string{"home.cfg": "[controller] host = x\n"}},
			`home.cfg:1: "host = x" stands behind the header [controller]: put it on a line of its own`, false},
		"a missing file": {configured{configFile: "gone.cfg"}, "settings file gone.cfg (--configfile) does not exist", false},
		"a missing file that the environment names": {configured{env: map[string]string{"ZEEK_CLIENT_CONFIG_FILE": "gone.cfg"}},
			"settings file gone.cfg (ZEEK_CLIENT_CONFIG_FILE) does not exist", false},
		"a bad value on the command line": {configured{set: []string{"client.pretty_json=maybe"}},
			`--set: client.pretty_json is "maybe": it must be yes or no`, true},
		"a lone percent sign": {configured{set: []string{"ssl.passphrase=50%"}}, `--set: "passphrase" has a lone % in its value: write %%`, true},
		"a bad port":          {configured{controller: "h:x"}, `--controller: controller.port is "x": it must be a number from 0 up`, true},
		"an address without brackets": {configured{controller: "fe80::1"},
			`--controller "fe80::1": IPv6 addresses must be surrounded by brackets: [<ipv6>]:<port>`, true},
		"text after brackets": {configured{controller: "[::1]1"}, `--controller "[::1]1": a colon must follow the bracket`, true},
		"a bad value in the file": {configured{files: map[string]string{"home.cfg": "\n[client]\nrequest_timeout_secs=0\n"}},
			`home.cfg:3: client.request_timeout_secs is "0": it must be a number of seconds above 0`, false},
		"a broken file": {configured{files: map[string]string{"home.cfg": "x\n"}}, `home.cfg:1: "x" stands before the first section`, false},
		"a file that is too large": {configured{files: map[string]string{"home.cfg": string(make([]byte, cli.MaxSettingsFile+1))}},
			"read settings: home.cfg: more than 1048576 bytes", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := cli.ResolveSettings(tt.given.sources())
			if err == nil || err.Error() != tt.want {
				t.Errorf("ResolveSettings:\n got %v\nwant %s", err, tt.want)
			}
			if _, usage := errors.AsType[*cli.UsageError](err); usage != tt.usage {
				t.Errorf("is a usage error: %v, want %v", usage, tt.usage)
			}
		})
	}
}

const allSettings = "client.request_timeout_secs, client.peering_attempts, client.peering_retry_delay_secs, " +
	"client.rich_logging_format, client.pretty_json, client.verbosity, controller.host, controller.port, " +
	"ssl.enable, ssl.certificate, ssl.keyfile, ssl.cafile, ssl.capath, ssl.passphrase"

// FuzzSettings feeds the settings file and the environment.
func FuzzSettings(f *testing.F) {
	f.Add("[client]\nverbosity = 1\n", "controller.host=x ssl.enable='yes'")
	f.Add("[DEFAULT]\nport=%(port)s\n[controller]\n", "a")
	f.Fuzz(func(_ *testing.T, file, env string) {
		given := configured{files: map[string]string{"home.cfg": file}, env: map[string]string{"ZEEK_CLIENT_CONFIG_SETTINGS": env}}
		_, _, _ = cli.ResolveSettings(given.sources()) // must not panic
	})
}
