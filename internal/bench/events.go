package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// events measures the log of happenings with a million of them, one a second, up to now.
func events(_ context.Context, dir string) (figures []figure, err error) {
	const many, batch = 1_000_000, 4_000
	cfg := happenings.Config{Dir: filepath.Join(dir, "happenings"), Recent: 1} // nothing is answered from memory
	log, err := happenings.Open(cfg)
	if err != nil {
		return nil, err
	}
	defer func() { log.Close() }()
	end, began := time.Now(), time.Now()
	for first := 0; first < many; first += batch {
		if err := log.Append(aSecondEach(end.Add(time.Duration(first-many)*time.Second), batch)); err != nil {
			return nil, err
		}
	}
	wrote := time.Since(began)
	if err := log.Close(); err != nil {
		return nil, err
	}
	began = time.Now()
	if log, err = happenings.Open(cfg); err != nil {
		return nil, err
	}
	opened := time.Since(began)
	figures = []figure{
		{what: "events, written in synced batches of 4,000", value: float64(many) / wrote.Seconds(), unit: "1/s"},
		atMost("events, opening a log with a million", ms(opened), "ms", 100),
	}
	for _, one := range []struct {
		what string
		q    happenings.Query
		want int
	}{
		{"the last hour of a million (3,600)", happenings.Query{Since: end.Add(1 - time.Hour), Limit: happenings.MaxLimit}, 3600},
		{"1,000 after one in the middle of a million", happenings.Query{After: many / 2}, 1000},
		{"the newest 100 of a million", happenings.Query{Latest: true, Limit: 100}, 100},
	} {
		took := make([]time.Duration, 0, 20)
		for range cap(took) {
			began := time.Now()
			list, err := log.Read(one.q)
			if err != nil || len(list) != one.want {
				return nil, fmt.Errorf("%s: %d events, %v", one.what, len(list), err)
			}
			took = append(took, time.Since(began))
		}
		figures = append(figures, atMost("events, "+one.what+", p50", ms(quantile(took, 0.5)), "ms", 50))
	}
	return figures, nil
}

// aSecondEach returns happenings that end n seconds after a time.
func aSecondEach(begin time.Time, n int) (list []happenings.Record) {
	for i := range n {
		at := begin.Add(time.Duration(i+1) * time.Second)
		list = append(list, happenings.Record{Happening: mgmt.Happening{
			Time: at, Heard: at, Kind: mgmt.HappenedNode, Instance: mgmt.InstanceName(fmt.Sprint("sensor-", i%100)),
			Node: mgmt.NodeName(fmt.Sprint("worker-", i%1000)), From: "RUNNING", To: "CRASHED", Cause: "killed by SIGKILL", PID: int64(i + 1),
		}})
	}
	return list
}
