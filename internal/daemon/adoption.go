package daemon

import (
	"log/slog"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// logAdoption logs what the adoption found and the core need not know.
func logAdoption(log *slog.Logger, found proc.Adoption) {
	for _, rec := range found.Running {
		log.Info("node still runs and is taken over", "node", rec.Name, "pid", rec.PID)
	}
	for _, ended := range found.Ended {
		log.Warn("node ended while no agent ran", "node", ended.Name, "pid", ended.PID)
	}
	for _, other := range found.Foreign {
		log.Warn("process is none of ours and is left alone", "program", other.Executable, "pid", other.PID)
	}
	for _, err := range found.Problems {
		log.Warn("process of an earlier run not taken over", "err", err)
	}
}
