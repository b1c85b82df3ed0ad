package deptest

import (
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	tableFile = "../../docs/architecture.md"
	tableHead = "| Package | What it owns | Imports of ours |"
)

var quotedName = regexp.MustCompile("`([^`]+)`( \\(public\\))?")

// arrows parses the table of packages in docs/architecture.md. For each package it
// returns the patterns of the packages that the package imports. Names are relative
// to the module.
func arrows(text string) (map[string][]string, error) {
	_, rows, found := strings.Cut(text, tableHead+"\n|---|---|---|\n")
	if !found {
		return nil, fmt.Errorf("no table that begins with %q", tableHead)
	}
	rows, _, _ = strings.Cut(rows, "\n\n")
	public := publicNames(rows)
	table := map[string][]string{}
	for row := range strings.Lines(rows) {
		cells := strings.Split(strings.TrimSpace(row), "|")
		if len(cells) != 5 {
			return nil, fmt.Errorf("row %q has %d cells, want 3", row, len(cells)-2)
		}
		imports := names(cells[3], public)
		if len(imports) == 0 && strings.TrimSpace(cells[3]) != "–" {
			return nil, fmt.Errorf("row %q names no imports, and no dash", row)
		}
		for _, name := range names(cells[1], public) {
			if _, twice := table[name]; twice {
				return nil, fmt.Errorf("package %s has two rows", name)
			}
			table[name] = imports
		}
	}
	return table, nil
}

// publicNames returns the names that the table marks as public: these packages are
// not below internal.
func publicNames(rows string) map[string]bool {
	public := map[string]bool{}
	for _, m := range quotedName.FindAllStringSubmatch(rows, -1) {
		if m[2] != "" {
			public[m[1]] = true
		}
	}
	return public
}

func names(cell string, public map[string]bool) []string {
	var list []string
	for _, m := range quotedName.FindAllStringSubmatch(cell, -1) {
		name := m[1]
		if !public[name] && !strings.HasPrefix(name, "cmd/") {
			name = "internal/" + name
		}
		list = append(list, name)
	}
	return list
}

// against compares the table with the imports of the packages. It returns one
// sentence for each difference, sorted.
func against(table map[string][]string, imports map[string][]string) []string {
	var wrong []string
	for name, imported := range imports {
		patterns, ok := table[name]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("package %s has no row in docs/architecture.md", name))
			continue
		}
		for _, imp := range imported {
			if !slices.ContainsFunc(patterns, func(p string) bool { return matches(p, imp) }) {
				wrong = append(wrong, fmt.Sprintf("package %s imports %s, which its row in docs/architecture.md does not allow", name, imp))
			}
		}
		for _, p := range patterns {
			if !slices.ContainsFunc(imported, func(imp string) bool { return matches(p, imp) }) {
				wrong = append(wrong, fmt.Sprintf("package %s does not import %s, which its row in docs/architecture.md allows", name, p))
			}
		}
	}
	for name := range table {
		if _, ok := imports[name]; !ok {
			wrong = append(wrong, fmt.Sprintf("docs/architecture.md has a row for %s, which does not exist", name))
		}
	}
	slices.Sort(wrong)
	return wrong
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

func TestPackagesImportExactlyTheNamesInTheirRow(t *testing.T) {
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	table, err := arrows(string(text))
	if err != nil {
		t.Fatalf("%s: %v", tableFile, err)
	}
	imports := map[string][]string{}
	for name, p := range list(t) {
		imports[name] = []string{}
		for _, imp := range p.Imports {
			if ours, ok := strings.CutPrefix(imp, module+"/"); ok {
				imports[name] = append(imports[name], ours)
			}
		}
	}
	for _, wrong := range against(table, imports) {
		t.Error(wrong)
	}
}

const exampleTable = tableHead + `
|---|---|---|
| ` + "`a`, `b/c`" + ` | letters | – |
| ` + "`d`" + ` (public) | more | ` + "`a`, `b/*`" + ` |
| ` + "`cmd/x`" + ` | a program | ` + "`d`" + ` |

Text.
`

func TestDifferencesFromTheTableAreFound(t *testing.T) {
	right := func() map[string][]string {
		return map[string][]string{
			"internal/a": {}, "internal/b/c": {}, "d": {"internal/a", "internal/b/c"}, "cmd/x": {"d"},
		}
	}
	for name, tt := range map[string]struct {
		change func(imports map[string][]string)
		want   []string
	}{
		"imports as in the table": {func(map[string][]string) {}, nil},
		"an import that the table lacks": {
			func(i map[string][]string) { i["internal/a"] = []string{"internal/b/c"} },
			[]string{"package internal/a imports internal/b/c, which its row in docs/architecture.md does not allow"},
		},
		"an import of the table that no package has": {
			func(i map[string][]string) { i["d"] = []string{"internal/a"} },
			[]string{"package d does not import internal/b/*, which its row in docs/architecture.md allows"},
		},
		"a package without a row": {
			func(i map[string][]string) { i["internal/e"] = nil },
			[]string{"package internal/e has no row in docs/architecture.md"},
		},
		"a row without a package": {
			func(i map[string][]string) { delete(i, "cmd/x") },
			[]string{"docs/architecture.md has a row for cmd/x, which does not exist"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := arrows(exampleTable)
			if err != nil {
				t.Fatal(err)
			}
			imports := right()
			tt.change(imports)
			if got := against(table, imports); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMalformedTableIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"no table":        "text",
		"a row too short": strings.Replace(exampleTable, "| letters | – |", "| – |", 1),
		"no dash":         strings.Replace(exampleTable, "–", "", 1),
		"a package twice": strings.Replace(exampleTable, "`b/c`", "`a`", 1),
	} {
		if table, err := arrows(text); err == nil {
			t.Errorf("%s: got %v, want an error", name, slices.Sorted(maps.Keys(table)))
		}
	}
}
