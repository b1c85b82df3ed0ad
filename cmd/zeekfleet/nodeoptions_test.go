package main

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/runoption"
	"github.com/zeekfleet/zeekfleet/node"
)

// A wrong option from the start is left out, and the log says so.
func TestEmbeddedNodeHasOptions(t *testing.T) {
	var log strings.Builder
	o := nodeOptions{Config: node.Config{Name: "w", Logger: slog.New(slog.NewTextHandler(&log, nil))}}
	o.options = filepath.Join(t.TempDir(), "start.json")
	start := runoption.Start{Options: []mgmt.Option{{Name: "Weird::sampling_rate", Value: "x"}, {Name: "Weird::sampling_threshold", Value: "7"}}}
	if err := start.Write(o.options); err != nil {
		t.Fatal(err)
	}
	options, err := o.runOptions()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "Weird::sampling_rate: x is not of type count") {
		t.Errorf("logged %q", log.String())
	}
	o.Identifiers, o.Dispatches = map[string]any{}, map[string]node.Dispatch{}
	addOptions(&o.Config, options)
	value := func(name string) any {
		t.Helper()
		val, err := o.Identifiers[name].(node.Func)(t.Context())
		if err != nil {
			t.Error(err)
		}
		return val
	}
	if rate, threshold := value("Weird::sampling_rate"), value("Weird::sampling_threshold"); rate != uint64(1000) || threshold != uint64(7) {
		t.Errorf("it starts with %v and %v", rate, threshold)
	}
	if _, err := o.Dispatches["set_options"](t.Context(), []string{"Weird::sampling_rate", "9"}); err != nil {
		t.Error(err)
	}
	if rate, threshold := value("Weird::sampling_rate"), value("Weird::sampling_threshold"); rate != uint64(9) || threshold != uint64(25) {
		t.Errorf("afterwards it has %v and %v", rate, threshold)
	}
	if val, err := o.Dispatches["set_option"](t.Context(), []string{"Weird::sampling_rate", "8"}); val != uint64(8) || err != nil {
		t.Errorf("set_option: %v, %v", val, err)
	}
	for _, args := range [][]string{{"Weird::sampling_rat", "8"}, {"Weird::sampling_rate"}} {
		if _, err := o.Dispatches["set_option"](t.Context(), args); err == nil {
			t.Errorf("set_option %q is no error", args)
		}
	}
	if _, err := node.New(o.Config); err != nil {
		t.Errorf("a node with these: %v", err)
	}
}
