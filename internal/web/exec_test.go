package web_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// Each command is in the audit before it runs, and with its outcome.
func TestCommandsAreInTheAudit(t *testing.T) {
	done := &recorder{}
	tell := func(_ context.Context, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters any) (io.Reader, error) {
		if q, _ := parameters.(mgmt.ExecQuery); len(done.said()) != 1 || kind != mgmt.StreamExec || q.Who == "" {
			t.Errorf("asked %s for %s %+v with %d records", instance, kind, q, len(done.said()))
		}
		return strings.NewReader(`{"exit":-1,"failure":"it took longer than 20s","output":"x"}`), nil
	}
	s := serve(t, web.Config{Cluster: &fleet{snap: deployedOn("a")}, Agents: &agents{tell: tell}, Recorded: done.add}, nil)
	got, err := s.client("admin").Exec(t.Context(), "a", []string{"/bin/sleep", "100"})
	if err != nil || got.Exit != -1 || got.Output != "x" {
		t.Fatalf("%+v, %v", got, err)
	}
	want := []string{"ada exec a: /bin/sleep 100 begun", "ada exec a: /bin/sleep 100 failed"}
	if records := done.said(); !slices.Equal(records, want) {
		t.Errorf("the audit has %q", records)
	}
	if _, err := s.client("operator").Exec(t.Context(), "a", []string{"/bin/true"}); !isProblem(err, http.StatusForbidden, "exec") {
		t.Errorf("an operator: %v", err)
	}
	if _, err := s.client("admin").Exec(t.Context(), "a", []string{"true"}); !isProblem(err, http.StatusUnprocessableEntity, "absolute path") {
		t.Errorf("a command without a path: %v", err)
	}
}
