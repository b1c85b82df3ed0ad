package resources_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/resources"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

// What is not known is absent or null, and not zero.
func TestSamplesOfWhichLittleIsKnown(t *testing.T) {
	host := samples.Host{
		Instance: "a", Heard: time.Date(2026, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600)), Skew: -time.Second / 2,
		Sample: &mgmt.HostSample{
			Nodes:      []mgmt.NodeSample{{Node: "silent", PID: 7}, {Node: "first", PID: 8, Zeek: &mgmt.ZeekSample{Received: 5}}},
			Interfaces: []mgmt.InterfaceSample{{Name: "eth0", Packets: 3}},
		},
		Nodes: make([]samples.NodeRates, 2), Interfaces: make([]samples.InterfaceRates, 1),
	}
	got := resources.HostSample(host)
	if got.Heard.Location() != time.UTC || got.Heard.Hour() != 0 || got.Skew != -0.5 {
		t.Errorf("times: got %+v", got)
	}
	if got.Nodes[0].Zeek != nil || got.Nodes[1].Zeek.Rates != nil || got.Nodes[1].Zeek.Lag != nil || got.Interfaces[0].Rates != nil {
		t.Errorf("got %+v", got)
	}
	none := resources.NoSample("b", "it is away")
	if none.Instance != "b" || none.Err != "it is away" || none.Nodes == nil || !none.Heard.IsZero() {
		t.Errorf("got %+v", none)
	}
}

func TestGapsOfASeriesAreNull(t *testing.T) {
	text, err := json.Marshal(resources.Series(samples.Series{Figure: samples.Lag, Points: []float64{1.5, math.NaN(), math.Inf(1), 0}}))
	if want := `{"figure":"lag","unit":"s","points":[1.5,null,null,0]}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
}

func TestEveryFigureHasAUnit(t *testing.T) {
	for _, list := range [][]samples.Figure{samples.NodeFigures(), samples.InterfaceFigures(), samples.HostFigures()} {
		for _, f := range list {
			if s := resources.Series(samples.Series{Figure: f}); s.Unit == "" || s.Points == nil {
				t.Errorf("%s: got %+v", f, s)
			}
		}
	}
}
