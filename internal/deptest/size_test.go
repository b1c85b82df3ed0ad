package deptest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Limits, so that a function fits on a screen and a type fits in a reader's mind.
const (
	maxLines   = 70 // of a function, tests included
	maxMethods = 44 // of a type
)

// sizes holds the length of each function in lines, and the number of methods of
// each type.
type sizes struct{ lines, methods map[string]int }

// measure adds the functions and methods of a file. Their names begin with the
// directory of the file.
func (s sizes) measure(path string, text any) error {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir := filepath.ToSlash(filepath.Dir(path))
	for _, decl := range file.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := dir + "." + fn.Name.Name
		if fn.Recv != nil {
			typ := dir + "." + receiver(fn)
			name = typ + "." + fn.Name.Name
			s.methods[typ]++
		}
		s.lines[name] = max(s.lines[name], files.Position(fn.End()).Line-files.Position(fn.Pos()).Line+1)
	}
	return nil
}

// wrong returns one sentence for each function and type that is too large, sorted.
func (s sizes) wrong() []string {
	var wrong []string
	for name, n := range s.lines {
		if n > maxLines {
			wrong = append(wrong, fmt.Sprintf("function %s has %d lines, at most %d are allowed", name, n, maxLines))
		}
	}
	for name, n := range s.methods {
		if n > maxMethods {
			wrong = append(wrong, fmt.Sprintf("type %s has %d methods, at most %d are allowed", name, n, maxMethods))
		}
	}
	slices.Sort(wrong)
	return wrong
}

func TestFunctionsAndTypesAreNotTooLarge(t *testing.T) {
	s := sizes{map[string]int{}, map[string]int{}}
	root := "../.."
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && strings.HasPrefix(e.Name(), ".") && path != root:
			return filepath.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return s.measure(name, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range s.wrong() {
		t.Error(wrong)
	}
}

func TestSizesFindLargeFunctionsAndTypes(t *testing.T) {
	s := sizes{map[string]int{}, map[string]int{}}
	text := "package p\n\ntype set[T any] struct{}\n\n" + strings.Repeat("func (s *set[T]) m() {}\n", maxMethods+1) +
		"\nfunc (set[T]) long() {" + strings.Repeat("\n", maxLines) + "}\n\nfunc short() {" + strings.Repeat("\n", maxLines-1) + "}\n"
	if err := s.measure("dir/p.go", text); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"function dir.set.long has 71 lines, at most 70 are allowed",
		"type dir.set has 46 methods, at most 44 are allowed",
	}
	if got := s.wrong(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
