package controller

// saving is a State on its way to disk, and what is to happen when it is there.
// Exactly one of the fields after next is set.
type saving struct {
	next State

	staged  *request    // is answered
	deploy  *deployment // goes on
	ends    *deployment // is answered; next holds whether or not it could be saved
	tidying bool        // nothing; likewise
}

// save asks for s.next to be stored. It must be the last thing a Step does.
func (m *Machine) save(s *saving) {
	m.saving = s
	m.emit(Save{s.next})
}

func (m *Machine) saved(err string) {
	s := m.saving
	m.saving = nil
	if err == "" || s.tidying || s.ends != nil {
		m.state = s.next
	}
	if err != "" {
		m.note(Note{Level: Error, Text: "state not saved", Err: err})
	}
	switch {
	case s.staged != nil:
		m.staged(s.staged, err)
	case s.deploy != nil:
		m.committed(s.deploy, err)
	case s.ends != nil:
		m.end(s.ends)
	case s.tidying:
		m.redial()
	}
}
