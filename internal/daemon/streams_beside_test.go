package daemon_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A hundred megabytes go through the peering while requests go to the agent and back. The
// test logs what that adds to an answer.
func TestRequestsAreAnsweredBesideStreams(t *testing.T) {
	c := startCluster(t)
	c.startAgent("sensor-1")
	const size, times = 4 << 20, 25
	c.keep("sensor-1", "worker-1", "stdout", strings.Repeat(strings.Repeat("x", 63)+"\n", size/64))
	ask := func() time.Duration {
		began := time.Now()
		answer, err := c.controller.Submit(t.Context(), anOperator, mgmt.GetNodesRequest{})
		if err != nil || len(answer.Outcomes()) != 1 || answer.Outcomes()[0].Instance != "sensor-1" {
			t.Fatalf("got %+v, %v", answer, err)
		}
		return time.Since(began)
	}
	var quiet, busy []time.Duration
	for range 1000 {
		quiet = append(quiet, ask())
	}
	read := make(chan int, 1)
	began := time.Now()
	go func() {
		all := 0
		for range times {
			text, _ := c.ask(anOperator, "sensor-1", mgmt.StreamLogs, mgmt.LogsQuery{Node: "worker-1", Lines: mgmt.MaxLogLines})
			all += len(text)
		}
		read <- all
	}()
	for all := -1; all < 0; {
		select {
		case all = <-read:
			if all != size*times {
				t.Errorf("%d of %d bytes have come", all, size*times)
			}
		default:
			busy = append(busy, ask())
		}
	}
	at := func(list []time.Duration, percent int) time.Duration {
		slices.Sort(list)
		return list[len(list)*percent/100].Round(time.Microsecond)
	}
	t.Logf("%.0f MB/s; an answer takes %v (p99 %v), and %v (p99 %v) beside the streams", size*times/1e6/time.Since(began).Seconds(),
		at(quiet, 50), at(quiet, 99), at(busy, 50), at(busy, 99))
}
