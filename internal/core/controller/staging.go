package controller

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// addStaging adds the request that stages a configuration.
func (table decisions) addStaging() {
	decide(table, func(m *Machine, r *request, msg mgmt.StageConfigurationRequest) { m.staging.stage(r, msg.Config) })
}

// staging keeps a configuration for a later deployment.
type staging struct {
	parts
	// by has the revision that each connected client has staged last.
	by map[mgmt.PeerID]uint64
}

// stage keeps a configuration. If the configuration has mistakes, stage answers
// with them instead (spec management-api 6.5).
func (s *staging) stage(r *request, config mgmt.Configuration) {
	filled, errs := s.fill(config)
	if len(errs) > 0 {
		s.requests.reply(r, s.requests.capped(mistakes(errs))...)
		return
	}
	s.memory.save(s.memory.withStaged(config.Clone(), filled, r.Detail.principal.Name), stageSave{s, r})
}

// stageSave answers a stage request after its Save.
type stageSave struct {
	*staging
	request *request
}

func (s stageSave) saved(err string) {
	r := s.request
	if err != "" {
		s.requests.refuse(r, "save configuration: "+err)
		return
	}
	staged := s.memory.state.Staged
	s.by[r.Asker] = staged.Revision
	s.note(Note{Level: Info, Text: "configuration staged", Peer: r.Asker, ReqID: r.ID, Rev: staged.Revision})
	s.requests.reply(r, mgmt.Result{Success: true, Data: mgmt.Text(staged.Config.ID)})
}

// anothers reports whether another client has staged the staged configuration. It
// is this client's if it has the ID that the client names, and the revision that
// the client has staged last. A condition that the client has not set counts as
// met.
func (s *staging) anothers(client mgmt.PeerID, id string) bool {
	own, ok := s.by[client]
	staged := s.memory.state.Staged
	return id != "" && id != staged.Config.ID || ok && own != staged.Revision
}
