package cli_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func TestSettingsChooseTheContext(t *testing.T) {
	contexts := cli.ContextsIn(t.TempDir())
	s := newSite(t)
	s.addContext(t, contexts, "west", "192.0.2.1:2149", time.Now(), time.Hour)
	s.addContext(t, contexts, "six", "[2001:db8::1]:4000", time.Now(), time.Hour)
	s.addContext(t, contexts, "now", "fleet.example:2149", time.Now(), time.Hour)
	env := func(name, value string) map[string]string { return map[string]string{name: value} }
	file := func(text string) map[string]string { return map[string]string{"home.cfg": text} }
	for name, tt := range map[string]struct {
		given   configured
		context string // --context
		want    string // context, host and port
	}{
		"nothing set":                           {configured{}, "", "now fleet.example 2149"},
		"the command line names a context":      {configured{}, "west", "west 192.0.2.1 2149"},
		"the environment names a context":       {configured{env: env("ZEEKFLEET_CONTEXT", "six")}, "", "six [2001:db8::1] 4000"},
		"an empty variable":                     {configured{env: env("ZEEKFLEET_CONTEXT", "")}, "", "now fleet.example 2149"},
		"the command line wins":                 {configured{env: env("ZEEKFLEET_CONTEXT", "six")}, "west", "west 192.0.2.1 2149"},
		"another controller":                    {configured{controller: "h"}, "", "- h 2149"},
		"another port":                          {configured{controller: ":5"}, "", "- 127.0.0.1 5"},
		"another controller, context named too": {configured{controller: "h", env: env("ZEEKFLEET_CONTEXT", "six")}, "", "- h 2149"},
		"a setting of another host":             {configured{set: []string{"controller.host=h"}}, "", "- h 2149"},
		"a setting of TLS":                      {configured{set: []string{"ssl.enable=false"}}, "", "- 127.0.0.1 2149"},
		"another setting":                       {configured{set: []string{"client.verbosity=1"}}, "", "now fleet.example 2149"},
		"the environment has a port":            {configured{env: env("ZEEK_CLIENT_CONFIG_SETTINGS", "controller.port=2149")}, "", "- 127.0.0.1 2149"},
		"the environment has a port and a context": {configured{env: map[string]string{
			"ZEEK_CLIENT_CONFIG_SETTINGS": "controller.port=5", "ZEEKFLEET_CONTEXT": "six",
		}}, "", "six [2001:db8::1] 4000"},
		"the file has a host":             {configured{files: file("[controller]\nhost = h\n")}, "", "- h 2149"},
		"the file has an authority":       {configured{files: file("[ssl]\ncafile = ca.pem\n")}, "", "- 127.0.0.1 2149"},
		"the file lists the defaults":     {configured{files: file("[controller]\nhost = 127.0.0.1\nport = 2149\n[ssl]\nenable = False\ncafile =\n")}, "", "now fleet.example 2149"},
		"the file has a host, a name too": {configured{files: file("[controller]\nhost = h\n")}, "west", "west 192.0.2.1 2149"},
		"as zeek-client":                  {configured{asZeekClient: true}, "", "- 127.0.0.1 2149"},
	} {
		t.Run(name, func(t *testing.T) {
			src := tt.given.sources()
			if src.Context = tt.context; !tt.given.asZeekClient {
				src.Contexts = contexts
			}
			got, _, err := cli.ResolveSettings(src)
			if err != nil {
				t.Fatal(err)
			}
			used := "-"
			if got.Context != nil {
				used = got.Context.Name
			}
			if text := fmt.Sprint(used, " ", got.Host, " ", got.Port); text != tt.want {
				t.Errorf("got %s, want %s", text, tt.want)
			}
			if got.Context != nil && got.TLS != (cli.TLSSettings{}) {
				t.Errorf("with a context, section ssl has %+v", got.TLS)
			}
		})
	}
}

func TestSettingsRefuseContexts(t *testing.T) {
	contexts := cli.ContextsIn(t.TempDir())
	newSite(t).addContext(t, contexts, "west", "192.0.2.1:2149", time.Now(), time.Hour)
	t.Run("an unknown one", func(t *testing.T) {
		src := configured{}.sources()
		src.Contexts, src.Context = contexts, "wets"
		_, _, err := cli.ResolveSettings(src)
		if want := `no such context: "wets"; did you mean "west"?`; !errors.Is(err, cli.ErrNoContext) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	})
	t.Run("a context and a controller", func(t *testing.T) {
		for _, given := range []configured{{controller: ":1"}, {set: []string{"ssl.enable=true"}}} {
			src := given.sources()
			src.Contexts, src.Context = contexts, "west"
			_, _, err := cli.ResolveSettings(src)
			if _, ok := errors.AsType[*cli.UsageError](err); !ok {
				t.Errorf("got %v, want a usage error", err)
			}
		}
	})
}
