package web

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// Every operation that takes or gives something has an example of it, which is what the
// description says.
func TestExamplesAreWhatTheDescriptionSays(t *testing.T) {
	cfg, err := Config{Cluster: nobody{}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	a := describedRoutes(&Server{cfg: cfg})
	if err := a.addExamples(); err != nil {
		t.Fatal(err)
	}
	for path, methods := range a.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{methods.Get, methods.Post, methods.Put, methods.Delete, methods.Patch} {
			if op == nil {
				continue
			}
			if op.RequestBody != nil {
				a.checkExample(t, op.OperationID+" request", op.RequestBody.Content, huma.ModeWriteToServer)
			}
			for status, answer := range op.Responses {
				if strings.HasPrefix(status, "2") {
					a.checkExample(t, op.OperationID+" answer of "+path, answer.Content, huma.ModeReadFromServer)
				}
			}
		}
	}
}

// There is a file for each operation that takes or gives something, and no other one.
func TestEveryExampleHasAnOperationAndEveryOperationAnExample(t *testing.T) {
	cfg, err := Config{Cluster: nobody{}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{}
	for _, methods := range describedRoutes(&Server{cfg: cfg}).huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{methods.Get, methods.Post, methods.Put, methods.Delete, methods.Patch} {
			if op == nil {
				continue
			}
			for status, answer := range op.Responses {
				if op.RequestBody != nil || status[0] == '2' && len(answer.Content) > 0 {
					wanted[op.OperationID+".json"] = true
				}
			}
		}
	}
	files, err := exampleFiles.ReadDir("examples")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !wanted[f.Name()] {
			t.Errorf("no operation takes or gives what examples/%s has", f.Name())
		}
		delete(wanted, f.Name())
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		t.Errorf("there is no examples/%s", name)
	}
}

func (a *routes) checkExample(t *testing.T, what string, content map[string]*huma.MediaType, mode huma.ValidateMode) {
	t.Helper()
	for kind, media := range content {
		if media.Example == nil {
			t.Errorf("%s (%s) has no example", what, kind)
			continue
		}
		var found huma.ValidateResult
		huma.Validate(a.huma.OpenAPI().Components.Schemas, media.Schema, huma.NewPathBuffer([]byte{}, 0), mode, media.Example, &found)
		for _, err := range found.Errors {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// The check of the examples finds what is wrong.
func TestTheCheckOfExamplesIsNoFormality(t *testing.T) {
	registry := huma.NewMapRegistry("#/", huma.DefaultSchemaNamer)
	type body struct {
		Name string `json:"name" enum:"a,b"`
	}
	schema := huma.SchemaFromType(registry, reflect.TypeFor[body]())
	for _, bad := range []any{map[string]any{}, map[string]any{"name": "c"}, map[string]any{"name": "a", "x": 1}, "a"} {
		var found huma.ValidateResult
		huma.Validate(registry, schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeReadFromServer, bad, &found)
		if len(found.Errors) == 0 {
			t.Errorf("%v passes", bad)
		}
	}
}
