package lazy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

func TestExpressionIsMadeOnce(t *testing.T) {
	digits := lazy.Regexp(`^[0-9]+$`)
	if !digits().MatchString("12") || digits().MatchString("x") {
		t.Error("the expression does not match digits alone")
	}
	if first := digits(); digits() != first {
		t.Error("two calls have made two expressions")
	}
}

// TestExpressionsCompile compiles each expression of this program, also those that no other
// test uses.
func TestExpressionsCompile(t *testing.T) {
	compiled := 0
	for _, top := range []string{"../../internal", "../../cmd", "../../client"} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				of, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || of.Sel.Name != "Regexp" {
					return true
				}
				if from, ok := of.X.(*ast.Ident); !ok || from.Name != "lazy" {
					return true
				}
				for _, text := range literals(call.Args[0]) {
					if _, err := regexp.Compile(text); err != nil {
						t.Errorf("%s: %v", path, err)
					}
					compiled++
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if compiled < 20 {
		t.Errorf("only %d expressions were found", compiled)
	}
}

// literals returns the text of a literal. What is put together of several parts is left to the
// tests of its package.
func literals(e ast.Expr) []string {
	literal, ok := e.(*ast.BasicLit)
	if !ok {
		return nil
	}
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		return nil
	}
	return []string{text}
}
