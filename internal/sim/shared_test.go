package sim

import (
	"strings"
	"testing"
)

// TestStoreWithoutFencesIsNoticed lets the store take what controllers save that lead no longer.
func TestStoreWithoutFencesIsNoticed(t *testing.T) {
	for seed := range uint64(60) {
		cfg := Config{Controllers: 3}
		w := cfg.world(seed)
		w.shared.unguarded = true
		if r := run(w, seed, cfg); r.Failure != nil {
			if !strings.Contains(r.Failure.What, "another one has loaded") {
				t.Errorf("seed %d: %s", seed, r.Failure.What)
			}
			return
		}
	}
	t.Error("nobody has noticed it")
}
