package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
)

// tally hands on what it is told.
type tally chan string

func (c tally) Request(name string, success bool, took time.Duration) {
	c <- fmt.Sprintf("%s %t %t", name, success, took >= 0)
}

func (c tally) Operation(o *mgmt.Operation) {
	c <- fmt.Sprintf("%s %s %t", o.Kind, o.State, !o.Ended.Before(o.Begun))
}

func TestRequestsAndOperationsAreTallied(t *testing.T) {
	told := make(tally, 10)
	c := daemon.NewController(daemon.ControllerConfig{Store: new(memstore.Store), Tally: told})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	}()
	outcome(t, c, ann, mgmt.StageConfigurationRequest{ReqID: "s", Config: mgmt.Configuration{ID: "x"}})
	outcome(t, c, ann, mgmt.StagedDeployRequest{ReqID: "d", ID: "x"})
	outcome(t, c, mgmt.Principal{Name: "vic", Role: mgmt.Viewer}, mgmt.StagedDeployRequest{ReqID: "v", ID: "x"})
	want := map[string]bool{"stage_configuration true true": true, "deploy done true": true, "deploy true true": true, "deploy false true": true}
	for range len(want) {
		got := patience.Next(t, told, "what is told")
		if !want[got] {
			t.Errorf("told %q", got)
		}
		delete(want, got)
	}
}
