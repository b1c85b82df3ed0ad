package sim

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// A controller that takes users for admins must be found out by the effects of their
// requests. Otherwise the check of warrants is worth nothing.
func TestEffectsThatNobodyWasAllowedToAskForAreFoundOut(t *testing.T) {
	for kind, notice := range map[string]string{
		"stage_configuration": "controller saves that",
		"deploy":              "has begun to deploy without a request",
		"restart":             "has begun to restart without a request",
		"get_id_value":        "controller asks nodes without a request",
		"get_nodes":           "controller answers get_nodes",
		"plan":                "controller asks agents for a plan without a request",
		"change":              "controller answers change",
		"operate":             "controller",
		"dispatch":            "controller asks nodes without a request",
	} {
		t.Run(kind, func(t *testing.T) {
			for seed := range uint64(300) {
				w := newWorld(rand.New(rand.NewPCG(seed, 0)), terms{})
				w.gullible = kind
				r := run(w, seed, Config{})
				if r.Failure == nil {
					continue // nobody asked for what they may not do
				}
				if !strings.Contains(r.Failure.What, "without a request") {
					t.Fatalf("seed %d: %s", seed, r.Failure.What)
				}
				if strings.Contains(r.Failure.What, notice) {
					return
				}
			}
			t.Errorf("no seed has shown %q", notice)
		})
	}
}
