package dropin_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/replay"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// TestPlayed plays command lines with controllers that the tables of this package
// describe. The output is that of zeek-client, except where a play says how it differs.
func TestPlayed(t *testing.T) {
	seen := map[string]bool{}
	for _, table := range playTables {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			file := strings.NewReplacer(" ", "-", "'", "", ",", "", ":", "").Replace(name)
			if seen[file] {
				t.Errorf("two plays have the file %s", file)
			}
			seen[file] = true
			t.Run(name, func(t *testing.T) { table[name].check(t, file) })
		}
	}
}

var playTables = []map[string]play{argumentPlays, settingsPlays, clusterPlays, requestPlays, connectionPlays}

// differenceRow is a row of the document.
var differenceRow = regexp.MustCompile(`(?m)^\| (D[0-9]+) \|`)

func TestEachDifferenceIsInTheDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/zeek-client-differences.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, row := range differenceRow.FindAllStringSubmatch(string(text), -1) {
		rows = append(rows, row[1])
	}
	for _, table := range playTables {
		for name, p := range table {
			if p.differs != "" && !slices.Contains(rows, p.differs) {
				t.Errorf("%q differs by %s, which the document does not have", name, p.differs)
			}
		}
	}
}

// at puts the controller's address before a command line.
func at(args ...string) []string { return append([]string{"--controller", "ADDRESS"}, args...) }

// ask is a command to a controller that answers with these results.
func ask(command string, results ...mgmt.Result) play {
	return play{args: at(strings.Fields(command)...), exchanges: []replay.Exchange{answering(results...)}}
}

func (p play) because(difference string) play {
	p.differs = difference
	return p
}

func answering(results ...mgmt.Result) replay.Exchange {
	return replay.Exchange{Answer: func(req mgmt.Request) []string {
		return []string{replay.Message(req.Answer(req.RequestID(), results...))}
	}}
}

// odd is a command to a controller that answers with an event of these arguments behind
// the request's ID.
func odd(command, event string, args ...zval.Value) play {
	return play{args: at(strings.Fields(command)...), exchanges: []replay.Exchange{{Answer: func(req mgmt.Request) []string {
		return []string{eventText(event, append([]zval.Value{zval.String(string(req.RequestID()))}, args...)...)}
	}}}}
}

func eventText(event string, args ...zval.Value) string {
	e := wire.Event{Name: mgmt.ControllerAPI + event, Args: args}
	return string(wsjson.AppendMessage(nil, "zeek/management/controller", e.Value()))
}

// record is a Result with data of any type.
func record(success bool, instance, data, problem, node zval.Value) zval.Value {
	return zval.Vector(zval.String("r"), zval.Bool(success), instance, data, problem, node)
}

var none = zval.None()

func text(s string) zval.Value { return zval.String(s) }

// said sends texts before the answer.
func (p play) said(texts ...string) play {
	answer := p.exchanges[0].Answer
	p.exchanges = []replay.Exchange{{Answer: func(req mgmt.Request) []string { return append(slices.Clone(texts), answer(req)...) }}}
	return p
}

func (p play) with(options ...string) play {
	p.args = append(slices.Clone(options), p.args...)
	return p
}

func (p play) interrupted(after time.Duration) play {
	p.lasts = after
	return p
}

// argumentPlays are command lines that ask no controller.
var argumentPlays = map[string]play{
	"no command":                           {},
	"no command, quietly":                  {args: []string{"-q"}},
	"an unknown command":                   {args: []string{"frobnicate"}},
	"an abbreviated command":               {args: []string{"get-node"}},
	"an argument too many":                 {args: []string{"get-nodes", "x", "y"}},
	"quiet and verbose":                    {args: []string{"-q", "-v", "get-nodes"}},
	"verbose and quiet":                    {args: []string{"--verbose", "--quiet", "get-nodes"}},
	"a missing file":                       {args: []string{"stage-config"}},
	"a missing identifier":                 {args: []string{"get-id-value"}},
	"an ambiguous option":                  {args: []string{"--ver"}},
	"an ambiguous option of a command":     {args: []string{"get-nodes", "--ver"}},
	"deployed and staged":                  {args: []string{"get-config", "--deployed", "--staged"}},
	"staged and deployed":                  {args: []string{"get-config", "--staged", "--deployed"}},
	"a global option behind the command":   {args: []string{"get-nodes", "--controller", "x"}},
	"an option without its argument":       {args: []string{"--set"}},
	"a short option without its argument":  {args: []string{"-c"}},
	"an option in place of an argument":    {args: []string{"--set", "-v", "get-nodes"}},
	"an argument that is not taken":        {args: []string{"--quiet=1", "get-nodes"}},
	"a short argument that is not taken":   {args: []string{"-qx", "get-nodes"}},
	"an unknown option":                    {args: []string{"-x", "get-nodes"}},
	"an unknown option of a command":       {args: []string{"restart", "--foo"}},
	"an option of a command before it":     {args: []string{"--as-json", "get-config"}},
	"a file option without its argument":   {args: []string{"get-config", "-f"}},
	"the version":                          {args: []string{"--version"}},
	"the version by an abbreviation":       {args: []string{"--vers"}},
	"the version with a command":           {args: []string{"--version", "get-nodes"}},
	"short options together":               {args: []string{"-vvc", "none.cfg", "show-settings"}, differs: "D12"},
	"a short option with its argument":     {args: []string{"-cnone.cfg", "show-settings"}},
	"an equals sign behind a short option": {args: []string{"-c=none.cfg", "show-settings"}},
	"abbreviated options":                  {args: []string{"--cont", ":77", "--se", "a.b=c", "show-settings"}},
	"help":                                 {args: []string{"--help"}, differs: "D1"},
	"help of a command":                    {args: []string{"get-config", "-h"}, differs: "D1"},
	"help behind a mistake":                {args: []string{"get-config", "--bogus", "-h"}, differs: "D1"},
	"two dashes before the command":        {args: []string{"--", "show-settings"}, differs: "D2"},
}

// settingsPlays show the settings that come from all sources.
var settingsPlays = map[string]play{
	"settings by default": {args: []string{"show-settings"}},
	"settings of a file": {
		args:  []string{"-c", "s.cfg", "show-settings"},
		files: map[string]string{"s.cfg": "[controller]\nhost = there\n[client]\nPretty_JSON: no\n[mine]\nX = 1\n  2\n\n  3\n[ssl]\nenable = yes\n"},
	},
	"settings of the environment": {
		args: []string{"show-settings"}, env: map[string]string{"ZEEK_CLIENT_CONFIG_SETTINGS": `controller.host='a b' mine.x=1  ssl.cafile="c d"`},
	},
	"later settings win": {
		args:  []string{"-c", "s.cfg", "--set", "controller.port=3", "--controller", "last", "--set", "client.VERBOSITY=3", "-v", "show-settings"},
		env:   map[string]string{"ZEEK_CLIENT_CONFIG_SETTINGS": "controller.port=2 controller.host=env client.pretty_json=off"},
		files: map[string]string{"s.cfg": "[controller]\nport = 1\nhost = file\n"},
	},
	"new sections and keys":                {args: []string{"--set", "New.Key=Val", "--set", "client.extra=1", "show-settings"}},
	"a default section":                    {args: []string{"-c", "s.cfg", "show-settings"}, files: map[string]string{"s.cfg": "[DEFAULT]\nbase = /x\n[ssl]\ncafile = %(base)s/ca.pem\n"}},
	"a percent sign":                       {args: []string{"--set", "mine.x=50%%", "show-settings"}},
	"a reference":                          {args: []string{"--set", "ssl.cafile=%(capath)s/x", "show-settings"}},
	"a passphrase":                         {args: []string{"--set", "ssl.passphrase=secret", "show-settings"}, differs: "D3"},
	"a host":                               {args: []string{"--controller", "foo", "show-settings"}},
	"a host and a colon":                   {args: []string{"--controller", "foo:", "show-settings"}},
	"a port":                               {args: []string{"--controller", ":2222", "show-settings"}},
	"a host and a port":                    {args: []string{"--controller", "foo:2222", "show-settings"}},
	"an address in brackets":               {args: []string{"--controller", "[fe80::1]", "show-settings"}},
	"an address in brackets and a colon":   {args: []string{"--controller", "[fe80::1]:", "show-settings"}},
	"an address in brackets and a port":    {args: []string{"--controller", "[fe80::1]:2222", "show-settings"}},
	"an address without brackets":          {args: []string{"--controller", "fe80::1", "show-settings"}, differs: "D4"},
	"a colon alone":                        {args: []string{"--controller", ":", "show-settings"}, differs: "D4"},
	"an item without a value":              {args: []string{"--set", "controller.host", "show-settings"}, differs: "D5"},
	"an item without a section":            {args: []string{"--set", "host=x", "show-settings"}, differs: "D5"},
	"an item with a lone percent sign":     {args: []string{"--set", "ssl.cafile=50%", "show-settings"}, differs: "D5"},
	"an item of the environment":           {args: []string{"show-settings"}, env: map[string]string{"ZEEK_CLIENT_CONFIG_SETTINGS": "nonsense"}, differs: "D5"},
	"an open quote in a setting":           {args: []string{"show-settings"}, env: map[string]string{"ZEEK_CLIENT_CONFIG_SETTINGS": "a.b='c"}, differs: "D6"},
	"a value that is no number":            {args: at("--set", "client.peering_attempts=many", "get-nodes"), exchanges: []replay.Exchange{}, differs: "D6"},
	"a value that is no boolean":           {args: []string{"--set", "ssl.enable=maybe", "get-nodes"}, differs: "D6"},
	"a port that is no number":             {args: []string{"--controller", "foo:bar", "get-nodes"}, differs: "D6"},
	"a settings file with a mistake":       {args: []string{"-c", "s.cfg", "show-settings"}, files: map[string]string{"s.cfg": "nonsense\n"}, differs: "D6"},
	"a version with a bad settings file":   {args: []string{"-c", "s.cfg", "--version"}, files: map[string]string{"s.cfg": "nonsense\n"}, differs: "D7"},
	"a settings file that is not there":    {args: []string{"-c", "s.cfg", "show-settings"}},
	"a settings file of the environment":   {args: []string{"show-settings"}, env: map[string]string{"ZEEK_CLIENT_CONFIG_FILE": "DIR/s.cfg"}, files: map[string]string{"s.cfg": "[controller]\nhost = h\n"}},
	"a setting without a value":            {args: []string{"-c", "s.cfg", "show-settings"}, files: map[string]string{"s.cfg": "[ssl]\nenable\n"}, differs: "D6"},
	"the deprecated setting":               {args: []string{"-v", "--set", "ssl.disable=true", "get-nodes"}, differs: "D8"},
	"a port below the range":               {args: []string{"--controller", ":0", "get-nodes"}},
	"a port beyond the range":              {args: []string{"--controller", "h:65536", "get-nodes"}},
	"a certificate that is not there":      {args: []string{"--set", "ssl.enable=1", "--set", "ssl.certificate=/none/c.pem", "get-nodes"}},
	"a key that is not there":              {args: []string{"--set", "ssl.enable=1", "--set", "ssl.keyfile=/none/k.pem", "get-nodes"}},
	"authorities that are not there":       {args: []string{"--set", "ssl.enable=1", "--set", "ssl.cafile=/none/ca.pem", "get-nodes"}},
	"a directory that is not there":        {args: []string{"--set", "ssl.enable=1", "--set", "ssl.capath=/none", "get-nodes"}},
	"a directory in place of certificates": {args: []string{"--set", "ssl.enable=1", "--set", "ssl.cafile=/", "get-nodes"}},
	"files without TLS":                    {args: at("--set", "ssl.certificate=/none/c.pem", "get-instances"), exchanges: []replay.Exchange{answering(mgmt.Result{Success: true, Data: mgmt.Instances{}})}},
}
