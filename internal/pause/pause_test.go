package pause_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/pause"
)

func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := pause.For(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("it waited for %v: %v", time.Since(began), err)
		}
		enough := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, enough)
		defer cancel()
		began = time.Now()
		if err := pause.For(ctx, time.Minute); err != enough || time.Since(began) != time.Second {
			t.Errorf("after the end of the context it waited for %v: %v", time.Since(began), err)
		}
	})
}
