package controller

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// stateForm1 is the value of stateKey, in form 1. It was written until 2026-11 and is
// only read. It has the descriptions of the earlier revisions.
type stateForm1 struct {
	Version  int                 `json:"version"`
	Revision uint64              `json:"revision"`
	Staged   uint64              `json:"staged,omitempty"`
	Ready    uint64              `json:"ready,omitempty"`
	Deployed uint64              `json:"deployed,omitempty"`
	Refused  []mgmt.InstanceName `json:"refused,omitempty"`
	Leaving  []leavingForm1      `json:"leaving,omitempty"`
	History  []pastForm1         `json:"history,omitempty"`
}

type pastForm1 struct {
	Revision  uint64    `json:"revision"`
	When      time.Time `json:"when"`
	Who       string    `json:"who"`
	ID        string    `json:"id"`
	Instances int       `json:"instances"`
	Nodes     int       `json:"nodes"`
	Bytes     int       `json:"bytes"`
}

// entryForm1 is the value of one Entry, in form 1. Entries of this form stay in the store
// as long as they are kept.
type entryForm1 struct {
	Version       int                `json:"version"`
	Revision      uint64             `json:"revision"`
	When          time.Time          `json:"when"`
	Who           string             `json:"who"`
	Configuration form.Configuration `json:"configuration"`
}

func readEntry1(value []byte) (*Entry, error) {
	var f entryForm1
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	return &Entry{
		Config: f.Configuration.Configuration(), Revision: f.Revision, When: f.When, Who: f.Who, size: len(value),
	}, nil
}

func (r restoring) state1() (State, error) {
	var f stateForm1
	if err := form.Decode(r.values[stateKey], &f); err != nil {
		return State{}, fmt.Errorf("value %q: %w", stateKey, err)
	}
	s := State{Revision: f.Revision, Refused: f.Refused, converted: &converted{written: true}}
	for _, l := range f.Leaving {
		s.Leaving = append(s.Leaving, Leaving{l.Instance.Instance(), l.Since})
	}
	if err := r.history1(&s, f); err != nil {
		return State{}, err
	}
	if err := checkRevisions(f.Revision, f.Staged, f.Ready, f.Deployed); err != nil {
		return State{}, fmt.Errorf("value %q: %w", stateKey, err)
	}
	if err := r.entries(&s, f.Staged, f.Ready, f.Deployed); err != nil {
		return State{}, err
	}
	s.deriveOrigins()
	return s, nil
}

func (r restoring) history1(s *State, f stateForm1) error {
	for i, p := range f.History {
		key := DeployedKey(p.Revision)
		if _, ok := r.values[key]; !ok {
			return fmt.Errorf("value %q is missing", key)
		}
		delete(r.unread, key)
		next := f.Deployed
		if i+1 < len(f.History) {
			next = f.History[i+1].Revision
		}
		if p.Revision >= next {
			return fmt.Errorf("value %q: the history has revision %d before %d", stateKey, p.Revision, next)
		}
		s.History = append(s.History, mgmt.PastConfig{
			Revision: p.Revision, When: p.When, Who: p.Who, ID: p.ID, Instances: p.Instances, Nodes: p.Nodes, Bytes: p.Bytes, Kept: true,
		})
	}
	return nil
}

// deriveOrigins sets what form 1 did not have: all revisions were deployments, each after
// the revision before it.
func (s *State) deriveOrigins() {
	var from uint64
	for i := range s.History {
		s.History[i].Kind, s.History[i].From = mgmt.OperationDeploy, from
		from = s.History[i].Revision
	}
	if d := s.Deployed; d != nil {
		derived := *d // a Reader keeps the one that was read
		derived.Kind, derived.From = mgmt.OperationDeploy, from
		if s.Deployed = &derived; s.Ready == d {
			s.Ready = &derived
		}
	}
}
