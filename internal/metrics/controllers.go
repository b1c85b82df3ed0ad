package metrics

import (
	"context"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Follower returns the text of a controller that follows: what it knows of itself and of the
// other controllers. What the cluster does, that one tells which leads.
func Follower(ctx context.Context, version string, report func(context.Context) (*mgmt.ControllersReport, error)) ([]byte, error) {
	s := newSheet(0)
	s.add(&buildInfo, 1, built(version))
	if err := s.controllers(ctx, report); err != nil {
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
