package main

import (
	"context"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// lossy names the workers that lose packets now.
func lossy(ctx context.Context, c *api.Client) ([]string, error) {
	all, err := c.Samples(ctx, api.SampleQuery{Role: "WORKER"})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, h := range all.Items {
		for _, n := range h.Nodes {
			if n.Zeek != nil && n.Zeek.Rates != nil && n.Zeek.Rates.DropShare > 0.01 {
				names = append(names, n.Node+"@"+h.Instance)
			}
		}
	}
	return names, nil
}

// busiest returns the greatest packet rate of a worker within a day.
func busiest(ctx context.Context, c *api.Client, instance, worker string) (string, error) {
	history, err := c.SampleHistory(ctx, api.HistoryQuery{Instance: instance, Node: worker, Figures: []string{"packets"}, From: time.Now().Add(-24 * time.Hour)})
	if err != nil || len(history.Series) == 0 {
		return "unknown", err
	}
	var most float64
	for _, p := range history.Series[0].Points {
		if p != nil {
			most = max(most, *p)
		}
	}
	return fmt.Sprintf("%.0f %s", most, history.Series[0].Unit), nil
}

// measured are examples of what agents measure.
var measured = []any{
	lossy, busiest, api.PathSamples, api.PathSampleHistory,
	api.Samples{Items: []api.HostSample{{Nodes: []api.NodeSample{{Zeek: &api.ZeekSample{Rates: &api.NodeRates{}}, Peers: []api.PeerSample{}}}}}},
	api.InterfaceSample{Rates: &api.InterfaceRates{}}, api.SampleHistory{Series: []api.Series{}},
}
