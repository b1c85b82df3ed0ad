package deptest

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/zeekfleet/zeekfleet"

// pkg has the fields of `go list -json` that the tests use.
type pkg struct {
	Dir, ImportPath, Name string
	Imports               []string
	GoFiles               []string
}

// forbidden names the packages that packages with a prefix must not import, and the
// reason.
var forbidden = []struct {
	prefix  string
	imports []string
	why     string
}{
	{
		"internal/core/",
		[]string{"context", "log/slog", "log", "net", "os", "sync", "sync/atomic", "math/rand", "testing"},
		"a core only decides: time and random numbers are its arguments",
	},
	{"internal/wire", []string{"net", "os", "sync", "context", "log/slog"}, "a codec takes bytes and returns values"},
	{"internal/form", []string{"net", "os", "context", "log/slog", "sync"}, "cores use it: it takes bytes and returns values"},
	{"internal/ini", []string{"net", "os", "io", "context", "log/slog", "sync"}, "it takes text and returns what it says"},
	{"internal/zval", []string{"net", "os", "io", "log/slog"}, "values do no I/O"},
	{"internal/mgmt", []string{"net", "os", "io", "log/slog"}, "messages and configurations do no I/O"},
	{
		"internal/zeek",
		[]string{"context", "log/slog", "net", "os", "os/exec", "sync"},
		"it renders text and arguments; other packages write files and start processes",
	},
	{
		"internal/launch",
		[]string{module + "/internal/bus", module + "/internal/core/agent", module + "/internal/daemon"},
		"it launches a node from its plan; the agent decides when, and its shell calls launch",
	},
	{
		"client",
		[]string{module + "/internal/bus", module + "/internal/daemon", module + "/internal/proc", module + "/internal/store"},
		"a client knows only the protocol",
	},
	{
		"internal/daemon",
		[]string{module + "/internal/app", module + "/internal/cli", module + "/internal/up", module + "/internal/settings"},
		"the shells do not know how they are put together",
	},
	{
		"",
		[]string{"html/template", "text/template"},
		"a template can name any method, so the linker keeps every method of every type: the program grows by two megabytes",
	},
}

func list(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=Dir,ImportPath,Name,Imports,GoFiles", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	pkgs := map[string]pkg{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatalf("decode go list: %v", err)
		}
		if len(p.GoFiles) > 0 {
			pkgs[strings.TrimPrefix(p.ImportPath, module+"/")] = p
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	pkgs := list(t)
	for _, rule := range forbidden {
		applied := false
		for name, p := range pkgs {
			if !strings.HasPrefix(name, rule.prefix) {
				continue
			}
			applied = true
			for _, imp := range p.Imports {
				if slices.Contains(rule.imports, imp) {
					t.Errorf("package %s imports %s: %s", name, imp, rule.why)
				}
			}
		}
		if !applied {
			t.Errorf("no package begins with %s any more", rule.prefix)
		}
	}
}

// clockAndRandom are the functions with which a core would read the clock, or draw
// random numbers from a source that is not its argument.
var clockAndRandom = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"},
	"rand": {"Int", "IntN", "Int64", "Int64N", "Uint64", "Float64", "N", "Perm", "Shuffle"},
}

func TestCoresReadNoClockAndNoGlobalRandomNumbers(t *testing.T) {
	files := 0
	for name, p := range list(t) {
		if !strings.HasPrefix(name, "internal/core/") {
			continue
		}
		for _, file := range p.GoFiles {
			files++
			checkCalls(t, filepath.Join(p.Dir, file))
		}
	}
	if files == 0 {
		t.Error("no core was found")
	}
}

func checkCalls(t *testing.T, path string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, 0)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(clockAndRandom[x.Name], sel.Sel.Name) {
			t.Errorf("%s: a core uses %s.%s", fset.Position(n.Pos()), x.Name, sel.Sel.Name)
		}
		return true
	})
}

func TestEveryPackageHasOnePackageComment(t *testing.T) {
	for name, p := range list(t) {
		comments := 0
		for _, file := range p.GoFiles {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatalf("parse: %v", err)
			}
			if f.Doc != nil {
				comments++
			}
		}
		if comments != 1 {
			t.Errorf("package %s has %d package comments, want exactly one", name, comments)
		}
	}
}
