package show_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/golden"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type node struct {
	Name  string   `json:"name"`
	State string   `json:"state"`
	PID   int      `json:"pid,omitempty"`
	Notes []string `json:"notes"`
	Why   string   `json:"why,omitempty"`
}

func nodes() []node {
	return []node{
		{"worker-1", "FAILED", 0, nil, "exited with status 1 after 3 starts within a minute; it printed: fatal error in /etc/zeek/local.zeek, line 12: unknown identifier Foo::bar"},
		{"logger", "RUNNING", 4711, []string{"paused", "on"}, ""},
		{"worker-äöü-日本", "PENDING", 12, []string{}, "the last\nline \x1b[31mred\u202e"},
	}
}

func table() show.Table {
	t := show.Table{Columns: []show.Column{
		{Head: "NODE"}, {Head: "STATE"}, {Head: "PID", Right: true}, {Head: "NOTES", Drop: 1}, {Head: "WHY", Least: 20, Wraps: true},
	}}
	for _, n := range nodes() {
		tone := show.Good
		if n.Why != "" {
			tone = show.Bad
		}
		pid, _ := json.Marshal(n.PID)
		t.Rows = append(t.Rows, []show.Cell{
			{Text: n.Name}, {Text: n.State, Tone: tone}, {Text: string(pid)}, {Text: strings.Join(n.Notes, " ")}, {Text: n.Why, Tone: show.Faint},
		})
	}
	return t
}

func page() show.Page {
	return show.Page{
		show.Text{Text: "The cluster is not well: 1 of 3 nodes has failed, and one is still starting.", Tone: show.Bad},
		show.Blank(),
		table(),
		show.Blank(),
		show.Facts{
			{Name: "deployed", Cell: show.Cell{Text: "revision 12 by ann, more workers for the new interface of sensor 2, which has now two"}},
			{Name: "by", Cell: show.Cell{Text: "ann", Tone: show.Strong}},
		},
		show.Block{Text: "first line\n\tsecond \x1b[2Jline that is long enough to be cut on a terminal of eighty columns, as it goes on and on\n", Indent: 4},
		show.Table{Columns: show.Heads("A", "B"), Empty: "There are no crashes."},
	}
}

func printed(t *testing.T, s show.Settings) string {
	t.Helper()
	var out bytes.Buffer
	s.Out = &out
	if err := show.PrintPage(s, nodes(), page); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// TestOutput compares a result in all formats, and on screens of several widths, with
// golden files. Screens that have a width are never exceeded.
func TestOutput(t *testing.T) {
	for name, s := range map[string]show.Settings{
		"json":         {},
		"json-compact": {Compact: true},
		"yaml":         {Format: show.AsYAML},
		"page-piped":   {Format: show.AsTable},
		"page-80":      {Screen: show.Screen{Terminal: true, Width: 80}},
		"page-200":     {Screen: show.Screen{Terminal: true, Width: 200}},
		"page-60":      {Screen: show.Screen{Terminal: true, Width: 60}},
		"page-30":      {Screen: show.Screen{Terminal: true, Width: 30}},
		"page-color":   {Screen: show.Screen{Terminal: true, Width: 80, Color: true}},
	} {
		t.Run(name, func(t *testing.T) {
			text := printed(t, s)
			shown := text
			if s.Screen.Color {
				shown = strings.ReplaceAll(text, "\x1b", "ESC")
			}
			golden.Check(t, "testdata/"+name+".txt", shown, *update)
			for line := range strings.Lines(text) {
				if w := show.WidthOf(strings.TrimSuffix(line, "\n")); s.Screen.Width >= 60 && w > s.Screen.Width {
					t.Errorf("line of %d columns: %q", w, line)
				}
			}
		})
	}
}

func TestFormatIsChosen(t *testing.T) {
	terminal := show.Screen{Terminal: true, Width: 80}
	for name, tt := range map[string]struct {
		s    show.Settings
		want show.Format
	}{
		"a terminal":                          {show.Settings{Screen: terminal}, show.AsTable},
		"no terminal":                         {show.Settings{}, show.AsJSON},
		"no terminal, a command with tables":  {show.Settings{Piped: show.AsTable}, show.AsTable},
		"a terminal, and the user wants YAML": {show.Settings{Screen: terminal, Format: show.AsYAML}, show.AsYAML},
		"no terminal, the user wants a table": {show.Settings{Format: show.AsTable}, show.AsTable},
		"the user wants JSON after all":       {show.Settings{Piped: show.AsTable, Format: show.AsJSON}, show.AsJSON},
	} {
		if got := tt.s.Chosen(); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}

func TestParse(t *testing.T) {
	if f, err := show.ParseFormat("yaml"); f != show.AsYAML || err != nil {
		t.Errorf("yaml: got %q, %v", f, err)
	}
	if _, err := show.ParseFormat("xml"); err == nil || err.Error() != `"xml" is no format: it is table, json or yaml` {
		t.Errorf("xml: got %v", err)
	}
	if _, err := show.ParseFormat(""); err == nil {
		t.Error("no name is a format")
	}
	if c, err := show.ParseColoring("never"); c != show.ColorNever || err != nil {
		t.Errorf("never: got %q, %v", c, err)
	}
	if _, err := show.ParseColoring("red"); err == nil || err.Error() != `"red" is no answer: it is auto, always or never` {
		t.Errorf("red: got %v", err)
	}
}

// TestPagesAreMadeOnlyIfTheyArePrinted: a page may cost more than its data.
func TestPagesAreMadeOnlyIfTheyArePrinted(t *testing.T) {
	var out bytes.Buffer
	err := show.Print(show.Settings{Out: &out}, 1, func() show.Table { t.Error("the table was made"); return show.Table{} })
	if err != nil || out.String() != "1\n" {
		t.Errorf("got %q, %v", &out, err)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestErrors(t *testing.T) {
	err := show.Print(show.Settings{Out: broken{}}, 1, nil)
	if err == nil || err.Error() != "write result: no space left" {
		t.Errorf("a full disk: got %v", err)
	}
	for _, f := range []show.Format{show.AsJSON, show.AsYAML} {
		err := show.Print(show.Settings{Out: &bytes.Buffer{}, Format: f}, func() {}, nil)
		if err == nil || !strings.HasPrefix(err.Error(), "encode result: ") {
			t.Errorf("a function as %s: got %v", f, err)
		}
	}
}

// own has a JSON form of its own.
type own struct{ v any }

func (o own) JSON(bool) string { return "{\"mine\": Infinity}\n" }
func (o own) Plain() any       { return o.v }

func TestOwnForms(t *testing.T) {
	v := own{map[string]any{"b": []any{}, "a": []string{"x", "true"}, "c": map[string]any{}, "n": nil, "f": json.Number("1e3"), "i": 12, "j": int64(-3), "y": true}}
	for f, want := range map[show.Format]string{
		show.AsJSON: "{\"mine\": Infinity}\n",
		show.AsYAML: "a:\n  - x\n  - \"true\"\nb: []\nc: {}\nf: 1e3\ni: 12\nj: -3\nn: null\ny: true\n",
	} {
		var out bytes.Buffer
		if err := show.Print(show.Settings{Out: &out, Format: f}, v, nil); err != nil || out.String() != want {
			t.Errorf("%s: got %v\n%s\nwant\n%s", f, err, &out, want)
		}
	}
}

// TestNothingControlsTheTerminal prints random data in all formats. No text has a character
// that is not printable, but newlines. JSON and YAML give the same data again.
func TestNothingControlsTheTerminal(t *testing.T) {
	anyText := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("a \n\r\t\x1b\u0085\u009b\u202e\u2028\"'\\:#-{}[]&*!|>%@`0~,?\ufeff\u00a0"))))
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.MapOf(anyText, rapid.SliceOfN(anyText, 0, 3)).Draw(t, "value")
		column := rapid.SliceOf(anyText).Draw(t, "column")
		width := rapid.IntRange(0, 100).Draw(t, "width")
		wraps := rapid.Bool().Draw(t, "wraps")
		for _, f := range []show.Format{show.AsTable, show.AsJSON, show.AsYAML} {
			var out bytes.Buffer
			s := show.Settings{Out: &out, Format: f, Screen: show.Screen{Width: width}}
			err := show.PrintPage(s, value, func() show.Page {
				table := show.Table{Columns: []show.Column{{Head: "X", Least: 5, Wraps: wraps}, {Head: "Y", Drop: 1}}}
				p := show.Page{table}
				for _, text := range column {
					table.Rows = append(table.Rows, show.Row(text, text))
					p = append(p, show.Text{Text: text}, show.Block{Text: text}, show.Facts{{Name: text, Cell: show.Cell{Text: text}}})
				}
				p[0] = table
				return p
			})
			if err != nil {
				t.Fatalf("%s: %v", f, err)
			}
			if bad := strings.IndexFunc(out.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); bad >= 0 {
				t.Fatalf("%s: a character controls the terminal: %q", f, out.String()[bad:min(bad+20, out.Len())])
			}
			var back map[string][]string
			switch f {
			case show.AsJSON:
				err = json.Unmarshal(out.Bytes(), &back)
			case show.AsYAML:
				err = yaml.Unmarshal(out.Bytes(), &back)
			default:
				continue
			}
			if diff := cmp.Diff(value, back); err != nil || diff != "" {
				t.Fatalf("%s: %v\n%s\n%s", f, err, diff, &out)
			}
		}
	})
}

func TestStream(t *testing.T) {
	columns := []show.Column{{Head: "NODE"}, {Head: "WHY", Least: 10}}
	list := nodes()
	row := func(from int) func(int) []show.Cell {
		return func(i int) []show.Cell { return show.Row(list[from+i].Name, list[from+i].Why) }
	}
	for name, s := range map[string]show.Settings{
		"stream-80":   {Screen: show.Screen{Terminal: true, Width: 80}},
		"stream-json": {},
		"stream-yaml": {Format: show.AsYAML},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			s.Out = &out
			stream := show.NewStream(s, columns)
			for from, n := range []int{1, 1, 1} {
				if err := stream.Print([]any{list[from]}[:n], row(from)); err != nil {
					t.Fatal(err)
				}
			}
			golden.Check(t, "testdata/"+name+".txt", out.String(), *update)
		})
	}
}
