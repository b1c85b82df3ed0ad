package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"zeekfleet/internal/mgmt"
)

func TestUpLooksAgainAfterALookThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var looks []time.Duration
		began := time.Now()
		u := &up{began: began, changed: make(chan struct{}, 1), logger: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		nodes := func(context.Context) ([]mgmt.Result, error) {
			looks = append(looks, time.Since(began))
			switch len(looks) {
			case 1:
				return nil, errors.New("connection lost")
			case 2:
				return []mgmt.Result{{Error: "no instances connected"}}, nil
			}
			cancel()
			return []mgmt.Result{{Success: true, Data: mgmt.NodeStatuses{{Node: "w", State: mgmt.Running, ClusterRole: mgmt.Worker}}}}, nil
		}
		deployment := &background{ended: make(chan struct{})}
		if err := u.watch(ctx, nodes, newUpView(&out), deployment, ""); err != nil {
			t.Errorf("watch: %v", err)
		}
		if len(looks) != 3 || looks[1] != upLookAgain || looks[2] != 2*upLookAgain || out.String() != "w worker RUNNING\n" {
			t.Errorf("looked after %v and showed %q", looks, out.String())
		}
	})
}
