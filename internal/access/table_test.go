package access_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/access"
)

func TestEveryRequestTypeHasOneRow(t *testing.T) {
	var rows, types []string
	for _, req := range access.Requests() {
		rows = append(rows, reflect.TypeOf(req).Name())
	}
	file, err := parser.ParseFile(token.NewFileSet(), "requests.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == "isRequest" {
			types = append(types, f.Recv.List[0].Type.(*ast.Ident).Name)
		}
	}
	slices.Sort(rows)
	slices.Sort(types)
	if len(types) == 0 || !slices.Equal(rows, types) {
		t.Errorf("the table has rows for\n%v, the package has the types\n%v", rows, types)
	}
}
