package metrics

import (
	"context"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// FollowerConfig says where the figures of a controller come from that follows.
type FollowerConfig struct {
	// Version is the program's version.
	Version string
	// Controllers returns what is known of all controllers of the cluster.
	Controllers func(context.Context) (*mgmt.ControllersReport, error)
	// Peers returns the controller's connections. Nil means none.
	Peers func() []mgmt.PeerSample
}

// Follower returns the text of a controller that follows: what it knows of itself, of its
// connections and of the other controllers. What the cluster does, that one tells which leads.
func Follower(ctx context.Context, cfg FollowerConfig) ([]byte, error) {
	s := newSheet(0)
	s.add(&buildInfo, 1, built(cfg.Version))
	if cfg.Peers != nil {
		s.peers(cfg.Peers())
	}
	if err := s.controllers(ctx, cfg.Controllers); err != nil {
		return nil, err
	}
	return s.text(), nil
}

// controllers adds the controllers of the cluster. Nil means that there is one alone.
func (s *sheet) controllers(ctx context.Context, of func(context.Context) (*mgmt.ControllersReport, error)) error {
	if of == nil {
		s.add(&controllerLeads, 1, "")
		s.add(&controllerTerm, 0, "")
		return nil
	}
	report, err := of(ctx)
	if err != nil {
		return err
	}
	s.add(&controllerLeads, truth(report.Leader != "" && report.Leader == report.Self), "")
	s.add(&controllerTerm, float64(report.Term), "")
	for i := range report.Members {
		m := &report.Members[i]
		s.add(&memberUp, truth(m.Role != mgmt.ControllerAway), labels("controller", m.Name))
		s.store(m)
	}
	for i := range report.Store {
		s.store(&report.Store[i])
	}
	return nil
}

// store adds the store of a controller, if it has one.
func (s *sheet) store(m *mgmt.ControllerMember) {
	if m.Quota == 0 {
		return
	}
	of := labels("controller", m.Name)
	s.add(&storeLag, float64(m.Lag), of)
	s.add(&storeBytes, float64(m.Bytes), of)
	s.add(&storeQuota, float64(m.Quota), of)
	s.add(&storeAlarms, float64(len(m.Alarms)), of)
}
