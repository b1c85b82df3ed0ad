package controller

import "time"

// saving is a State on its way to disk, and what is to happen when it is there.
// Exactly one of the fields after next is set.
type saving struct {
	next State

	staged  *request    // is answered
	deploy  *deployment // goes on
	ends    *deployment // is answered; next holds whether or not it could be saved
	tidying bool        // nothing; likewise
}

// unsaved says that the disk lacks something of the state that holds, and when
// it is tried again to save it.
type unsaved struct {
	retryAt  time.Time // zero: the disk has all of it
	attempts int
}

// save asks for s.next to be stored. It must be the last thing a Step does.
func (m *Machine) save(s *saving) {
	m.saving = s
	m.emit(Save{s.next})
}

func (m *Machine) saved(err string) {
	s := m.saving
	m.saving = nil
	holds := s.tidying || s.ends != nil
	if err == "" || holds {
		m.state = s.next
	}
	switch {
	case err == "":
		m.unsaved = unsaved{}
	case holds:
		m.unsaved.retryAt = m.now.Add(m.cfg.retryDelay(m.unsaved.attempts))
		m.unsaved.attempts++
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

// resave tries again to save what could not be saved, once it is time.
func (m *Machine) resave() {
	if at := m.unsaved.retryAt; !at.IsZero() && !m.now.Before(at) {
		m.save(&saving{next: m.state, tidying: true})
	}
}
