package app_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// newerState makes a directory with a state file in which a newer zeekfleet has
// written a value, and returns the path of the file, and what is in it.
func newerState(t *testing.T) (path string, content []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state.db")
	s, err := boltstore.Open(t.Context(), path, boltstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Save(t.Context(), []store.Change{{Key: "state", Value: []byte(`{"version":9,"wishes":[]}`)}}, 0)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if content, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// wantNewer checks that a daemon says which file it is that it does not know, and
// that the file is as it was.
func wantNewer(t *testing.T, err error, path string, content []byte) {
	t.Helper()
	newer, ok := errors.AsType[*form.NewerError](err)
	if !ok || newer.Form != 9 || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want %s named", err, path)
	}
	if now, err := os.ReadFile(path); !bytes.Equal(now, content) || err != nil {
		t.Errorf("the file was changed, %v", err)
	}
}

func TestControllerDoesNotStartOnStateOfANewerOne(t *testing.T) {
	path, content := newerState(t)
	set, _, err := settings.ResolveController(settings.Sources{
		Defaults: app.Defaults(),
		Hostname: "here",
		LookupEnv: func(name string) (string, bool) {
			return map[string]string{"ZEEK_CONTROLLER_PORT": "0", "ZEEK_CONTROLLER_WEBSOCKET_PORT": "0"}[name], true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	set.Directory = filepath.Dir(path)
	c, err := app.OpenController(t.Context(), set, slog.New(slog.DiscardHandler), app.PortFlags{})
	if err == nil {
		err = c.Run(t.Context())
	}
	wantNewer(t, err, path, content)
}

func TestAgentDoesNotStartOnStateOfANewerOne(t *testing.T) {
	path, content := newerState(t)
	set := agentSettings(t, func(a *settings.Agent) {
		a.Directory, a.Zeek.Kind = filepath.Dir(path), settings.NodeEmbedded
	})
	a, err := app.OpenAgent(t.Context(), set, slog.New(slog.DiscardHandler), app.PortFlags{})
	if err == nil {
		err = a.Run(t.Context())
	}
	wantNewer(t, err, path, content)
}
