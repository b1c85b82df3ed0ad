package controller

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// stateForm0 is form 0 of a State: one document without a version. It was written
// until 2026-11 and is only read.
type stateForm0 struct {
	Staged, Ready *entryForm0
	Deployed      *entryForm0
	Refused       []mgmt.InstanceName
	History       []entryForm0
	Leaving       []leavingForm0
	Revision      uint64
}

type entryForm0 struct {
	Config   form.Configuration0
	Revision uint64
	When     time.Time
	Who      string
}

type leavingForm0 struct {
	Instance form.Instance0
	Since    time.Time
}

// unknownWho stands for the client of an entry of form 0. Form 0 has the number of
// a connection there, and such a number means nothing after the connection has
// ended.
const unknownWho = "unknown"

// converted says what the store lacks of a State that was read from form 0 or 1.
type converted struct {
	// written says that the store has the configurations, as in form 1.
	written  bool
	deployed []*Entry // the predecessors of the deployed configuration, oldest first, and then that configuration
}

func (f *entryForm0) entry() *Entry {
	if f == nil {
		return nil
	}
	return &Entry{Config: f.Config.Configuration(), Revision: f.Revision, When: f.When, Who: unknownWho}
}

func readState0(text []byte) (State, error) {
	var f stateForm0
	if err := form.Decode(text, &f); err != nil {
		return State{}, fmt.Errorf("value %q, form 0: %w", stateKey, err)
	}
	s := State{
		Staged: f.Staged.entry(), Ready: f.Ready.entry(), Deployed: f.Deployed.entry(),
		Refused: f.Refused, Revision: f.Revision, converted: &converted{},
	}
	if s.Ready.revision() == s.Deployed.revision() {
		s.Ready = s.Deployed
	}
	for _, l := range f.Leaving {
		s.Leaving = append(s.Leaving, Leaving{l.Instance.Instance(), l.Since})
	}
	for _, old := range f.History {
		e := s.converted.add(old.entry())
		p := e.past()
		p.Kept = true
		s.History = append(s.History, p)
	}
	if s.Deployed != nil {
		s.converted.add(s.Deployed)
	}
	return s, nil
}

// add adds the next configuration that was deployed.
func (c *converted) add(e *Entry) *Entry {
	e.Kind = mgmt.OperationDeploy
	if n := len(c.deployed); n > 0 {
		e.From = c.deployed[n-1].Revision
	}
	e.encode() // for its size
	c.deployed = append(c.deployed, e)
	return e
}
