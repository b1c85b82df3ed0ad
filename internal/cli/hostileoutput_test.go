package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// evil is what an agent or another user may have written: it controls terminals, turns the
// direction of text, and looks like a line of ours.
const evil = "a\x1b]0;b\x07\x1b[2J\u009b2J\u202e\x7f\r\nzeekfleet: all is well\n\xff\x9bc"

// fill puts evil texts into every field of a value, and something into all others.
func fill(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(noon))
		return
	case json.RawMessage:
		text, _ := json.Marshal(map[string]any{"node": []string{evil}})
		v.SetBytes(text)
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(evil)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint16, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(value)
		v.SetMapIndex(reflect.ValueOf(evil).Convert(v.Type().Key()), value)
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(field)
		}
	default:
		panic("no value for " + v.Type().String())
	}
}

func filled[T any]() T {
	var v T
	fill(reflect.ValueOf(&v).Elem())
	return v
}

func pageOf[T any]() api.Page[T] { return api.Page[T]{Items: []T{filled[T]()}} }

// hostileController answers everything with evil texts.
func hostileController(t *testing.T) string {
	operation := filled[api.Operation]()
	operation.State, operation.RevertedBy = api.OperationFailed, 0
	operation.Steps[0].State = api.StepFailed
	crash := filled[api.Crashes]()
	crash.Items[0].ID = "1a"
	measured := filled[api.Samples]()
	measured.Next = ""
	answers := map[string]any{
		api.PathStatus: filled[api.Status](), api.PathNodes: pageOf[api.Node](), api.PathConfigurations + "/deployed": filled[api.Configuration](),
		api.PathOperations: pageOf[api.Operation](), api.PathOperations + "/1": operation, api.PathDispatches: filled[api.Dispatched](),
		api.PathSamples: measured,
		api.PathPlans:   filled[api.Plan](), api.PathInstances + "/w/preflight": filled[api.Plan](), api.PathRevisions: pageOf[api.Revision](), api.PathRevisions + "/1": filled[api.Configuration](),
		api.PathHosts: pageOf[api.Host](), api.PathInstances + "/a/hardware": filled[api.Hardware](), api.PathCrashes: crash, api.PathNodes + "/w/diag": filled[api.NodeDiag](), api.PathEvents: pageOf[api.Event](),
		"POST " + api.PathOperations:  operation,
		"POST " + api.PathDeployments: api.Problem{Title: evil, Status: http.StatusPreconditionFailed, Detail: evil},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Server", "zeekfleet")
		answer := answers[r.Method+" "+r.URL.Path]
		if answer == nil {
			answer = answers[r.URL.Path]
		}
		switch {
		case r.URL.Path == api.PathNodes+"/w/logs":
			w.Header().Set("Trailer", api.TrailerError)
			io.WriteString(w, evil)
			w.Header().Set(api.TrailerError, strings.ReplaceAll(strings.ReplaceAll(evil, "\n", " "), "\r", " "))
			return
		case strings.HasPrefix(r.URL.Path, api.PathCrashes+"/"):
			answer = filled[api.CrashRecord]()
		case answer == nil:
			t.Errorf("nothing answers %s", r.URL.Path)
		}
		if p, ok := answer.(api.Problem); ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(p.Status)
		}
		json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// Whatever agents, nodes and other users have written, nothing controls the terminal, and
// nothing looks like a line of the program on standard error.
func TestNothingThatOthersHaveWrittenControlsTheTerminal(t *testing.T) {
	address := hostileController(t)
	commands := map[string]func(f cli.Fleet) int{
		"status":     func(f cli.Fleet) int { return f.Status(t.Context()) },
		"nodes":      func(f cli.Fleet) int { return f.Nodes(t.Context(), nil) },
		"operations": func(f cli.Fleet) int { return f.Operations(t.Context(), api.OperationQuery{}) },
		"operation":  func(f cli.Fleet) int { return f.Operation(t.Context(), 1, true) },
		"stop":       func(f cli.Fleet) int { return f.Operate(t.Context(), api.OperateRequest{Kind: api.KindStop}) },
		"dispatch":   func(f cli.Fleet) int { return f.Dispatch(t.Context(), api.DispatchRequest{Action: "x"}) },
		"scripts":    func(f cli.Fleet) int { return f.Scripts(t.Context(), "w") },
		"plan":       func(f cli.Fleet) int { return f.Plan(t.Context(), cli.PlanRequest{Revision: 1}) },
		"preflight":  func(f cli.Fleet) int { return f.Preflight(t.Context(), cli.PreflightRequest{Instances: []string{"w"}}) },
		"rollback":   func(f cli.Fleet) int { return f.Rollback(t.Context(), cli.Change{Revision: 1}) },
		"history":    func(f cli.Fleet) int { return f.History(t.Context(), 5) },
		"show":       func(f cli.Fleet) int { return f.Show(t.Context(), 1) },
		"diff":       func(f cli.Fleet) int { return f.Diff(t.Context(), 1, 0) },
		"hardware":   func(f cli.Fleet) int { return cli.Machines{Fleet: f}.Hardware(t.Context(), []string{"a"}) },
		"hosts":      func(f cli.Fleet) int { return f.Hosts(t.Context()) },
		"crashes":    func(f cli.Fleet) int { return f.Crashes(t.Context(), "") },
		"crash":      func(f cli.Fleet) int { return f.ShowCrash(t.Context(), "1a", true) },
		"diag":       func(f cli.Fleet) int { return f.Diag(t.Context(), "w", "") },
		"events":     func(f cli.Fleet) int { return f.Events(t.Context(), cli.EventsRequest{}) },
		"top":        func(f cli.Fleet) int { return cli.Measured{Fleet: f}.Top(t.Context(), cli.TopRequest{Once: true}) },
		"netstats":   func(f cli.Fleet) int { return cli.Measured{Fleet: f}.NetStats(t.Context()) },
		"capstats":   func(f cli.Fleet) int { return cli.Measured{Fleet: f}.CapStats(t.Context(), true) },
		"peers":      func(f cli.Fleet) int { return cli.Measured{Fleet: f}.Peers(t.Context()) },
		"df":         func(f cli.Fleet) int { return cli.Measured{Fleet: f}.DF(t.Context()) },
		"logs":       func(f cli.Fleet) int { return f.Logs(t.Context(), cli.LogsRequest{Node: "w"}) },
	}
	for name, run := range commands {
		for _, out := range []show.Settings{
			{Screen: show.Screen{Terminal: true, Width: 80, Height: 24}},
			{Screen: show.Screen{Terminal: true}}, // one that does not say how wide it is
			{Screen: show.Screen{Terminal: true, Width: 80}, Format: show.AsJSON},
			{Screen: show.Screen{Terminal: true, Width: 80}, Format: show.AsYAML},
		} {
			t.Run(fmt.Sprintf("%s/%s%d", name, out.Format, out.Screen.Width), func(t *testing.T) {
				a, stdout, stderr := admin(t, address)
				a.Output = out
				run(cli.Fleet{Commands: a.Commands, Yes: true})
				if stdout.Len()+stderr.Len() == 0 {
					t.Error("nothing was printed")
				}
				for _, text := range []string{stdout.String(), stderr.String()} {
					if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
						t.Errorf("%q of %.300q", text[i:min(len(text), i+8)], text)
					}
				}
				if strings.Contains(stderr.String(), "\nzeekfleet: all is well") {
					t.Errorf("a line that is not ours: %q", stderr)
				}
			})
		}
	}
}

func TestTextInPiecesIsAsReadableAsTheWhole(t *testing.T) {
	const text = "über 世界\r\n\x1b[2J\xff\xe4\r\nend"
	const want = "über 世界\n?[2J\ufffd\ufffd\nend"
	for size := 1; size <= len(text); size++ {
		var got strings.Builder
		w := cli.NewHarmless(&got)
		for at := 0; at < len(text); at += size {
			if _, err := io.WriteString(w, text[at:min(at+size, len(text))]); err != nil {
				t.Fatal(err)
			}
		}
		if got.String() != want {
			t.Errorf("in pieces of %d bytes: %q, want %q", size, got.String(), want)
		}
	}
}
