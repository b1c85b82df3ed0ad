package coretest

import (
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Carriage is how bundles arrive. The zero Carriage brings them at once.
type Carriage struct {
	// Every is the time between two reports, and Parts is how many parts there are. Each
	// part has ten megabytes.
	Every time.Duration
	Parts int
	// After is how long it takes from the last part to the end.
	After time.Duration
	// Findings say why bundles do not arrive.
	Findings []mgmt.Finding
	Blind    bool // after the parts, nothing happens
}

// carry brings the bundles that the host lacks.
func (s *AgentShell) carry(e agent.Fetch) {
	s.fetch = e.ID
	lacking := slices.DeleteFunc(slices.Clone(e.Bundles), func(b mgmt.Bundle) bool { return s.Content[b.Hash] })
	if len(lacking) == 0 {
		s.After(0, func() { s.arrived(e, nil) })
		return
	}
	way := s.Carriage
	const part = 10_000_000
	for i := range way.Parts {
		s.After(time.Duration(i+1)*way.Every, func() {
			if s.fetch == e.ID {
				s.Step(agent.Fetching{ID: e.ID, Bundle: lacking[0].Name, Done: int64(i+1) * part, Total: int64(way.Parts) * part})
			}
		})
	}
	if !way.Blind {
		s.After(time.Duration(way.Parts)*way.Every+way.After, func() { s.arrived(e, lacking) })
	}
}

// arrived ends a Fetch, unless another one has taken its place.
func (s *AgentShell) arrived(e agent.Fetch, lacking []mgmt.Bundle) {
	if s.fetch != e.ID {
		return
	}
	fetched := agent.Fetched{ID: e.ID}
	if len(lacking) > 0 {
		fetched.Findings = s.Carriage.Findings
	}
	for _, b := range lacking {
		if len(fetched.Findings) > 0 {
			fetched.Missing = append(fetched.Missing, b.Name)
		} else {
			s.Content[b.Hash] = true
		}
	}
	s.Step(fetched)
}

// checkContent fails the test if the agent does something with bundles that the host lacks.
func (s *AgentShell) checkContent(does string, bundles []mgmt.Bundle) {
	s.t.Helper()
	for _, b := range bundles {
		if !s.Content[b.Hash] {
			s.t.Errorf("agent %s something with bundle %s, which is not here", does, b.Name)
		}
	}
}
