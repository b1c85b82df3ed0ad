package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An embedded node says that it has captured nothing, and how much memory it has.
func TestEmbeddedNodeTellsItsFigures(t *testing.T) {
	told, err := ownStats(time.Now().Add(-time.Minute))(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(told)
	if err != nil {
		t.Fatal(err)
	}
	var stats struct {
		mgmt.NodeStats
		Memory uint64
		Uptime float64
	}
	if err := json.Unmarshal(text, &stats); err != nil || stats.Received != 0 || stats.Lag != nil || stats.Memory < 1<<20 || stats.Uptime < 60 {
		t.Errorf("got %+v, %v", stats, err)
	}
}
