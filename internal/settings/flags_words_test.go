package settings_test

import (
	"testing"

	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/app"
)

// Only a flag of kind bool may have no argument. The argument of every other flag may
// be the next word: "--transport plain", "--preflight strict".
func TestArgumentOfAFlagMayBeTheNextWord(t *testing.T) {
	for name, add := range map[string]func(*pflag.FlagSet){
		"agent": app.Defaults().AddAgentFlags, "controller": app.Defaults().AddControllerFlags, "common": app.Defaults().AddCommonFlags,
	} {
		fs := pflag.NewFlagSet(name, pflag.ContinueOnError)
		add(fs)
		fs.VisitAll(func(f *pflag.Flag) {
			if f.NoOptDefVal != "" && f.Value.Type() != "bool" {
				t.Errorf("%s: --%s of kind %s does not take the next word", name, f.Name, f.Value.Type())
			}
		})
	}

	fs := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	app.Defaults().AddAgentFlags(fs)
	if err := fs.Parse([]string{"--transport", "plain", "--preflight", "strict"}); err != nil {
		t.Fatal(err)
	}
	if got := fs.Lookup("transport").Value.String() + " " + fs.Lookup("preflight").Value.String(); got != "plain strict" {
		t.Errorf("got %q", got)
	}
}
