package samples_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/samples"
)

func TestHistoryFillsInWhatAQueryLeavesOpen(t *testing.T) {
	store := samples.New(samples.Config{})
	got, err := store.History(epoch, samples.Query{Instance: "a", Node: "w"})
	if err != nil || len(got) != len(samples.NodeFigures()) || len(got[0].Points) != 720 || got[0].Step != 5*time.Second {
		t.Errorf("the usual: %d series, %v", len(got), err)
	}
	got, err = store.History(epoch, samples.Query{
		Instance: "a", Interface: "eth0", From: epoch.Add(-48 * time.Hour), Figures: []samples.Figure{samples.Bits},
	})
	if err != nil || len(got) != 1 || len(got[0].Points) != 1440 || got[0].Step != time.Minute || !got[0].Start.Equal(epoch.Add(-24*time.Hour)) {
		t.Errorf("all: %v, %v", got, err)
	}
	got, err = store.History(epoch, samples.Query{Instance: "a", Step: 7 * time.Second})
	if err != nil || got[0].Step != 10*time.Second {
		t.Errorf("an odd step: %v, %v", got, err)
	}
}

func TestQueriesThatMeanNothing(t *testing.T) {
	store := samples.New(samples.Config{})
	for want, q := range map[string]samples.Query{
		`"busy" is not a figure of a node`: {Node: "w", Figures: []samples.Figure{samples.Busy}},
		"not of both":                      {Node: "w", Interface: "eth0"},
		"end before it begins":             {From: epoch, To: epoch.Add(-time.Minute)},
	} {
		if _, err := store.History(epoch, q); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if slices.Contains(samples.HostFigures(), samples.Lag) {
		t.Error("a host has a lag")
	}
}
