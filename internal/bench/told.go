package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
)

// told measures a whole controller with as many revisions as it describes and a million
// events: what a request over HTTP takes, and what a command takes.
func told(ctx context.Context, dir string) (figures []figure, err error) {
	program, err := binary(ctx, dir)
	if err != nil {
		return nil, err
	}
	state := filepath.Join(dir, "told")
	own := filepath.Join(state, "nodes", "controller")
	if err := os.MkdirAll(own, 0o700); err != nil {
		return nil, err
	}
	// The measurements of revisions and events leave what is needed here, if they were made.
	if database := filepath.Join(own, "state.db"); os.Rename(filepath.Join(dir, "revisions.db"), database) != nil {
		past := newPast()
		for range manyRevisions {
			past.deploy()
		}
		if err := past.keep(ctx, database); err != nil {
			return nil, err
		}
	}
	if log := filepath.Join(own, "happenings"); os.Rename(filepath.Join(dir, "happenings"), log) != nil {
		if err := keepEvents(log); err != nil {
			return nil, err
		}
	}
	controller, err := start(ctx, true, program, "controller", "--state-dir", state, "--name", "controller", "--listen-port", "0", "--websocket-port", "0")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, controller.stop()) }()
	found, err := controller.await(`msg="controller is live".* websocket=(\S+)`)
	if err != nil {
		return nil, err
	}
	controller.discard()
	return askTold(ctx, program, found[1])
}

// keepEvents writes a million events, one a second, up to now.
func keepEvents(dir string) error {
	const many, batch = 1_000_000, 4_000
	log, err := happenings.Open(happenings.Config{Dir: dir})
	if err != nil {
		return err
	}
	end := time.Now()
	for first := 0; first < many && err == nil; first += batch {
		err = log.Append(aSecondEach(end.Add(time.Duration(first-many)*time.Second), batch))
	}
	return errors.Join(err, log.Close())
}

// askTold asks the controller at an address, over HTTP and with commands.
func askTold(ctx context.Context, program, address string) (figures []figure, err error) {
	c, err := api.New(api.Config{Address: address})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	const title = "10,000 revisions, a million events: "
	for _, one := range []struct {
		what string
		ask  func() error
	}{
		{"the newest 50 revisions over HTTP", func() error { _, err := c.Revisions(ctx, api.RevisionQuery{Limit: 50}); return err }},
		{"events of the last ten minutes over HTTP", func() error {
			_, err := c.Events(ctx, api.EventQuery{Since: time.Now().Add(-10 * time.Minute)})
			return err
		}},
		{"zeekfleet history", toldCommand(ctx, program, address, "history")},
		{"zeekfleet events --since 10m", toldCommand(ctx, program, address, "events", "--since", "10m")},
		{"zeekfleet events --since 1h", toldCommand(ctx, program, address, "events", "--since", "1h")},
	} {
		took := make([]time.Duration, 0, 21)
		for range cap(took) {
			began := time.Now()
			if err := one.ask(); err != nil {
				return nil, fmt.Errorf("%s: %w", one.what, err)
			}
			took = append(took, time.Since(began))
		}
		figures = append(figures, atMost(title+one.what+", p50", ms(quantile(took, 0.5)), "ms", 50))
	}
	return figures, nil
}

// toldCommand returns a function that runs a command of the program.
func toldCommand(ctx context.Context, program, address string, args ...string) func() error {
	return func() error { return exec.CommandContext(ctx, program, append(args, "--controller", address)...).Run() }
}
