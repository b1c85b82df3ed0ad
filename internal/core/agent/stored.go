package agent

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/form"
)

// stateKey is the key under which a State is stored.
const stateKey = "state"

// storedForm is the newest form of a State.
const storedForm = 1

// stateForm1 is form 1 of a State.
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

// Changes returns what has to be stored for s, whatever is stored already.
func (s State) Changes() []Change {
	return []Change{{stateKey, form.Encode(stateForm1{storedForm, s.Told, form.NewConfiguration(s.Desired)})}}
}

// Restore returns the State that is stored as these values, by their keys. No
// values are the zero State. A value that is not known, in a newer form, or
// damaged is an error.
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
	if version == 0 {
		return readState0(value)
	}
	var f stateForm1
	if err := form.Decode(value, &f); err != nil {
		return State{}, fmt.Errorf("form 1: %w", err)
	}
	return State{Desired: f.Desired.Configuration(), Told: f.Told}, nil
}

// readState0 reads form 0. A configuration that is not empty was told.
func readState0(value []byte) (State, error) {
	var f stateForm0
	if err := form.Decode(value, &f); err != nil {
		return State{}, fmt.Errorf("form 0: %w", err)
	}
	told := f.Told || len(f.Desired.Instances)+len(f.Desired.Nodes) > 0
	return State{Desired: f.Desired.Configuration(), Told: told}, nil
}
