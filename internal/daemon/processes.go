package daemon

import (
	"fmt"
	"log/slog"

	"zeekfleet/internal/core/agent"
	"zeekfleet/internal/mgmt"
	"zeekfleet/internal/proc"
)

// adoptedEvent tells the core what still runs.
func adoptedEvent(found []proc.Record) agent.Event {
	ev := agent.Adopted{}
	for _, p := range found {
		ev.Processes = append(ev.Processes, agent.Process{
			Node:     mgmt.NodeName(p.Name),
			Launch:   p.Launch,
			PID:      int64(p.PID),
			PlanHash: p.PlanHash,
			Started:  p.Started,
		})
	}
	return ev
}

// logAdoption says what was found and is not the core's to know.
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

// processEvent turns an outcome of proc into the core's event.
func processEvent(happened proc.Event) agent.Event {
	switch ev := happened.(type) {
	case proc.Started:
		return agent.Started{Node: mgmt.NodeName(ev.Name), Launch: ev.Launch, PID: int64(ev.PID)}
	case proc.StartFailed:
		return agent.StartFailed{
			Node:    mgmt.NodeName(ev.Name),
			Launch:  ev.Launch,
			Err:     ev.Err.Error(),
			Outputs: mgmt.NodeOutputs{Stdout: ev.Stdout, Stderr: ev.Stderr},
		}
	case proc.Exited:
		return agent.Exited{
			Node:    mgmt.NodeName(ev.Name),
			Launch:  ev.Launch,
			Reason:  exitReason(ev),
			Outputs: mgmt.NodeOutputs{Stdout: ev.Stdout, Stderr: ev.Stderr},
		}
	}
	panic(fmt.Sprintf("daemon: unhandled process event %T", happened))
}

func exitReason(ev proc.Exited) string {
	if ev.Killed {
		return ev.Status.String() + ", as it did not end when asked to"
	}
	return ev.Status.String()
}
