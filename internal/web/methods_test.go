package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// withoutMethod are the operations for which the Go client has no method, with the reason.
var withoutMethod = map[string]string{
	"begin-session":      "only browsers have sessions",
	"end-session":        "only browsers have sessions",
	"revoke-certificate": "Revoke does the same as revoke-certificates",
}

// Every operation of the API has a method of the Go client, and every method makes requests
// that the API has.
func TestTheGoClientHasEveryOperation(t *testing.T) {
	s := serve(t, web.Config{Authority: &office{}, Audit: &book{}}, nil)
	d := description(t, s)
	asked := &askedOperations{d: d, methods: map[string]string{}}
	server := httptest.NewServer(asked)
	defer server.Close()
	client, err := api.New(api.Config{Address: server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	typ := reflect.TypeFor[*api.Client]()
	for method := range typ.Methods() {
		asked.now(method.Name)
		call(t.Context(), reflect.ValueOf(client).MethodByName(method.Name))
	}
	for _, unknown := range asked.unknown {
		t.Errorf("the API has no %s", unknown)
	}
	for path, methods := range d.Paths {
		for method, op := range methods {
			by, has := asked.methods[op.ID]
			switch why := withoutMethod[op.ID]; {
			case has && why != "":
				t.Errorf("%s has the method %s, and the table of this test says: %s", op.ID, by, why)
			case !has && why == "":
				t.Errorf("no method of api.Client makes %s %s (%s)", strings.ToUpper(method), path, op.ID)
			}
		}
	}
}

// call calls a method that takes a context first, with some value for each other argument.
func call(ctx context.Context, method reflect.Value) {
	typ := method.Type()
	if typ.NumIn() == 0 || typ.In(0) != reflect.TypeFor[context.Context]() {
		return
	}
	args := []reflect.Value{reflect.ValueOf(ctx)}
	for i := 1; i < typ.NumIn(); i++ {
		arg := reflect.New(typ.In(i)).Elem()
		switch arg.Kind() {
		case reflect.String:
			arg.SetString("x")
		case reflect.Uint64:
			arg.SetUint(7)
		case reflect.Func:
			arg.Set(reflect.MakeFunc(arg.Type(), func([]reflect.Value) []reflect.Value { return someResults(arg.Type()) }))
		}
		args = append(args, arg)
	}
	for _, result := range method.Call(args) {
		if text, ok := result.Interface().(io.Closer); ok {
			text.Close()
		}
		if result.Kind() == reflect.Func && result.Type().CanSeq2() { // an iterator asks when it is used
			for range result.Seq2() {
				break
			}
		}
	}
}

// someResults returns a zero value for each result of a function.
func someResults(typ reflect.Type) (values []reflect.Value) {
	for out := range typ.Outs() {
		values = append(values, reflect.Zero(out))
	}
	return values
}

// askedOperations is a server that notes which operations are asked for.
type askedOperations struct {
	d described

	mu      sync.Mutex
	method  string            // of the client, which is called now
	methods map[string]string // by the ID of the operation
	unknown []string
}

func (a *askedOperations) now(method string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.method = method
}

func (a *askedOperations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.Header().Set("Server", "zeekfleet")
	w.Header().Set("Content-Type", "application/json")
	if id := a.idOf(r); id != "" {
		a.methods[id] = a.method
	} else {
		a.unknown = append(a.unknown, r.Method+" "+r.URL.Path+", which "+a.method+" asks for")
	}
	json.NewEncoder(w).Encode(struct{}{})
}

var parameter = regexp.MustCompile(`\\\{[^}]*\\\}`)

// idOf returns the ID of the operation that a request asks for, or nothing. A path without
// parameters counts before one with parameters.
func (a *askedOperations) idOf(r *http.Request) (id string) {
	for path, methods := range a.d.Paths {
		op, ok := methods[strings.ToLower(r.Method)]
		form := parameter.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`)
		if ok && regexp.MustCompile("^"+form+"$").MatchString(r.URL.EscapedPath()) && (id == "" || path == r.URL.Path) {
			id = op.ID
		}
	}
	return id
}
