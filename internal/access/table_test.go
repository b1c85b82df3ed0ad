package access_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
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

func TestEveryAlertRequestTypeHasARow(t *testing.T) {
	for _, req := range []access.AlertRequest{
		access.ListAlerts{}, access.AcknowledgeAlert{}, access.MakeSilence{}, access.EndSilence{}, access.TestReceiver{},
	} {
		row := access.RowOfAlerts(req)
		if !slices.Contains(access.Table(), row) || row.Changes != (row.May > mgmt.Viewer) {
			t.Errorf("%T has the row %+v", req, row)
		}
	}
}
