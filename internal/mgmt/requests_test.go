package mgmt_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestEveryRequestTypeHasOneRow(t *testing.T) {
	var rows []string
	for _, req := range mgmt.Requests() {
		rows = append(rows, reflect.TypeOf(req).Name())
	}
	slices.Sort(rows)
	if types := typesWithMethod(t, "Answer"); !slices.Equal(rows, types) {
		t.Errorf("table has rows for\n%v, the package has the types\n%v", rows, types)
	}
}

// typesWithMethod returns the sorted names of the types of package mgmt that have
// this method.
func typesWithMethod(t *testing.T, method string) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Name.Name == method && f.Recv != nil {
				names = append(names, f.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func TestEveryRequestIsAnsweredWithItsIDAndResults(t *testing.T) {
	results := []mgmt.Result{{ReqID: "r1", Error: "no"}}
	for _, req := range mgmt.Requests() {
		resp := req.Answer("r1", results...)
		if resp.RequestID() != "r1" {
			t.Errorf("%T: answer has the ID %q, want r1", req, resp.RequestID())
		}
		if !reflect.DeepEqual(resp.Outcomes(), results) {
			t.Errorf("%T: answer has the results %v, want %v", req, resp.Outcomes(), results)
		}
		withID := reflect.New(reflect.TypeOf(req)).Elem()
		withID.FieldByName("ReqID").Set(reflect.ValueOf(mgmt.ReqID("r2")))
		if got := withID.Interface().(mgmt.Request).RequestID(); got != "r2" {
			t.Errorf("%T: RequestID: got %q, want r2", req, got)
		}
	}
}

func TestEventsOfRequestsAreNamedOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, req := range mgmt.Requests() {
		kind := mgmt.KindOf(req)
		if seen[kind.Event] || !strings.HasSuffix(kind.Event, "_request") {
			t.Errorf("%T: event %s has another row, or is not called _request", req, kind.Event)
		}
		seen[kind.Event] = true
		if got, ok := mgmt.KindOfEvent(kind.Event); kind.Local == ok || ok && got != kind {
			t.Errorf("KindOfEvent(%s): got %v, %t, want %v", kind.Event, got, ok, kind)
		}
	}
	if kind, ok := mgmt.KindOfEvent(mgmt.ControllerAPI + "get_nodes_response"); ok {
		t.Errorf("KindOfEvent of a response: got %v, want none", kind)
	}
}

func TestUsersMayMakeTheRequestsOfTheControllerAlone(t *testing.T) {
	for _, req := range mgmt.Requests() {
		kind := mgmt.KindOf(req)
		controllers := strings.HasPrefix(kind.Event, mgmt.ControllerAPI) || strings.HasPrefix(kind.Event, mgmt.FleetControllerAPI)
		if users := kind.May != mgmt.NoUser; users != controllers {
			t.Errorf("%T: users may make it: %t; it goes to the controller: %t", req, users, controllers)
		}
	}
}

func TestKindNamesWhatIsAsked(t *testing.T) {
	for want, req := range map[string]mgmt.Request{
		"get_nodes":           mgmt.GetNodesRequest{},
		"stage_configuration": mgmt.StageConfigurationRequest{},
		"deploy":              mgmt.StagedDeployRequest{},
		"welcome":             mgmt.AgentWelcomeRequest{},
		"dispatch":            mgmt.AgentDispatchRequest{},
		"prepare":             mgmt.AgentPrepareRequest{},
	} {
		kind, answered := mgmt.KindOf(req), mgmt.KindAnswered(req.Answer("", mgmt.Result{}))
		if kind.Name() != want || answered.Name() != want {
			t.Errorf("%T is called %q, and its answer %q, want %q", req, kind.Name(), answered.Name(), want)
		}
	}
}

func TestResponseToAConditionalDeploymentIsThatToADeployment(t *testing.T) {
	kind := mgmt.KindAnswered(mgmt.StagedDeployRequest{}.Answer("r"))
	if want := mgmt.ControllerAPI + "deploy_response"; kind.ResponseEvent() != want {
		t.Errorf("response travels as %s, want %s", kind.ResponseEvent(), want)
	}
}

func TestAsRequestPassesOverWhatIsNeverAnswered(t *testing.T) {
	tests := map[string]struct {
		msg  mgmt.Message
		want bool
	}{
		"a request":                      {mgmt.GetNodesRequest{ReqID: "r"}, true},
		"a test of timeouts with state":  {mgmt.TestTimeoutRequest{ReqID: "r", WithState: true}, true},
		"a test of timeouts without any": {mgmt.TestTimeoutRequest{ReqID: "r"}, false},
		"a response":                     {mgmt.GetNodesResponse{ReqID: "r"}, false},
		"a notice":                       {mgmt.NotifyNodeHello{Node: "n"}, false},
		"a proven request":               {mgmt.ProvenRequest{ReqID: "r"}, false},
		"nothing":                        {nil, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			req, ok := mgmt.AsRequest(tt.msg)
			if ok != tt.want || ok && !reflect.DeepEqual(mgmt.Message(req), tt.msg) {
				t.Errorf("AsRequest: got %v, %t, want %t", req, ok, tt.want)
			}
		})
	}
}
