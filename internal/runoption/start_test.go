package runoption_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/runoption"
)

var start = runoption.Start{
	Options: []mgmt.Option{{Name: "A::n", Value: "5"}},
	Bundles: []mgmt.Bundle{{Name: "site", Kind: mgmt.ScriptBundle, Hash: mgmt.NewBundleHash([32]byte{1})}},
}

// If the content of this file changes, it is a new form.
func TestStartIsWrittenInForm1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node", "start.json")
	if err := start.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/start-1.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(got)) != strings.TrimSpace(string(want)) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v: values can be secrets", info.Mode(), err)
	}
	read, err := runoption.ReadStart("testdata/start-1.json")
	if diff := cmp.Diff(start, read); diff != "" || err != nil {
		t.Errorf("read, %v (-want +got):\n%s", err, diff)
	}
}

func TestStartWithNothingIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "start.json")
	if err := start.Write(path); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also if there is no file already
		if err := (runoption.Start{}).Write(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there: %v", err)
	}
	if read, err := runoption.ReadStart(path); !read.IsZero() || err != nil {
		t.Errorf("read %v, %v", read, err)
	}
}

func TestStartOfAnotherFormIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "start.json")
	for text, want := range map[string]string{
		string(durable.Seal([]byte(`{"version":2}`))):            "written by a newer zeekfleet (form 2",
		string(durable.Seal([]byte(`{"version":1,"colour":1}`))): "unknown field",
		`{"version":1}`:                    "damaged",
		string(durable.Seal([]byte(`{}`))): "damaged",
		"":                                 "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := runoption.ReadStart(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
		if _, newer := errors.AsType[*form.NewerError](err); newer != strings.Contains(want, "newer") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
