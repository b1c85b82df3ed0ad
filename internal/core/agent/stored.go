package agent

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// State is what the agent must not forget. Changes stores it, Restore reads it.
type State struct {
	// Desired is the configuration of the whole cluster that the agent adopted last.
	// The zero value is a configuration without nodes.
	Desired mgmt.Configuration
	// Told says that a controller has sent Desired. Without it, Desired says
	// nothing: no controller has told the agent what to run, or the agent has lost
	// its state.
	Told bool
	// Stopped are the nodes that users have stopped. Paused are the nodes that are not
	// started again when they end by themselves. Both are sorted. They may have nodes that
	// are not in Desired.
	Stopped, Paused []mgmt.NodeName
	// Term is the greatest term of a controller that the agent has obeyed. Zero means none.
	Term uint64
}

// Change replaces the value of a key in the agent's store.
type Change struct {
	Key   string
	Value []byte
}

// stateKey is the key under which a State is stored.
const stateKey = "state"

// storedForm is the newest form of a State.
const storedForm = 3

// stateForm3 is form 3 of a State.
type stateForm3 struct {
	Version int                `json:"version"`
	Told    bool               `json:"told"`
	Desired form.Configuration `json:"desired"`
	Stopped []mgmt.NodeName    `json:"stopped,omitempty"`
	Paused  []mgmt.NodeName    `json:"paused,omitempty"`
	Term    uint64             `json:"term"`
}

// stateForm2 is form 2 of a State. A State without a term is still written in form 2: an
// agent of before 2026-12 obeys a controller that is alone as this one does, and may take its
// place again.
type stateForm2 struct {
	Version int                `json:"version"`
	Told    bool               `json:"told"`
	Desired form.Configuration `json:"desired"`
	Stopped []mgmt.NodeName    `json:"stopped,omitempty"`
	Paused  []mgmt.NodeName    `json:"paused,omitempty"`
}

// stateForm1 is form 1 of a State. It was written until 2026-12 and is only read.
type stateForm1 struct {
	Version int                `json:"version"`
	Told    bool               `json:"told"`
	Desired form.Configuration `json:"desired"`
}

// stateForm0 is form 0 of a State, which has no version. It was written until
// 2026-11 and is only read. The first agents did not write Told.
type stateForm0 struct {
	Desired form.Configuration0
	Told    bool
}

// Changes returns the changes that store s. They replace all that is stored.
func (s State) Changes() []Change {
	var without any = stateForm3{Version: 3, Told: s.Told, Stopped: s.Stopped, Paused: s.Paused, Term: s.Term}
	if s.Term == 0 {
		without = stateForm2{Version: 2, Told: s.Told, Stopped: s.Stopped, Paused: s.Paused}
	}
	return []Change{{stateKey, form.EncodeWith(without, "desired", s.Desired)}}
}

// Restore reads the State from the stored values, by their keys. Without values it
// returns the zero State. A value with an unknown key, in a newer form, or with an
// unknown field is an error.
func Restore(values map[string][]byte) (State, error) {
	var s State
	for key, value := range values {
		if key != stateKey {
			return State{}, fmt.Errorf("value %q is not known", key)
		}
		var err error
		if s, err = readState(value); err != nil {
			return State{}, fmt.Errorf("value %q: %w", key, err)
		}
	}
	return s, nil
}

func readState(value []byte) (State, error) {
	version, err := form.Version(value, storedForm)
	if err != nil {
		return State{}, err
	}
	switch version {
	case 0:
		return readState0(value)
	case 1:
		return readState1(value)
	case 2:
		return readState2(value)
	}
	var f stateForm3
	if err := form.Decode(value, &f); err != nil {
		return State{}, fmt.Errorf("form 3: %w", err)
	}
	if f.Term > mgmt.MaxTerm {
		return State{}, fmt.Errorf("form 3: term %d is more than %d", f.Term, mgmt.MaxTerm)
	}
	return State{Desired: f.Desired.Configuration(), Told: f.Told, Stopped: f.Stopped, Paused: f.Paused, Term: f.Term}, nil
}

func readState2(value []byte) (State, error) {
	var f stateForm2
	if err := form.Decode(value, &f); err != nil {
		return State{}, fmt.Errorf("form 2: %w", err)
	}
	return State{Desired: f.Desired.Configuration(), Told: f.Told, Stopped: f.Stopped, Paused: f.Paused}, nil
}

func readState1(value []byte) (State, error) {
	var f stateForm1
	if err := form.Decode(value, &f); err != nil {
		return State{}, fmt.Errorf("form 1: %w", err)
	}
	return State{Desired: f.Desired.Configuration(), Told: f.Told}, nil
}

// readState0 reads form 0. If the configuration is not empty, a controller has sent
// it, even if Told is missing.
func readState0(value []byte) (State, error) {
	var f stateForm0
	if err := form.Decode(value, &f); err != nil {
		return State{}, fmt.Errorf("form 0: %w", err)
	}
	told := f.Told || len(f.Desired.Instances)+len(f.Desired.Nodes) > 0
	return State{Desired: f.Desired.Configuration(), Told: told}, nil
}
