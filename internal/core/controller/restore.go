package controller

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Restore reads a State from the stored values, by their keys. Without values it
// returns the zero State. A value that is unknown, damaged, or in a newer form is
// an error. Restore does not read the configurations of earlier revisions.
func Restore(values map[string][]byte) (State, error) { return new(Reader).Restore(values) }

// Reader does the same as Restore, again and again. It reads a value only if it has changed since
// it was read last. The states have entries and operations in common, which never change.
type Reader struct {
	entries    known[*Entry]
	pasts      known[mgmt.PastConfig]
	operations known[*mgmt.Operation]
}

// NewReader returns a Reader that remembers what it has read. The zero Reader remembers nothing.
func NewReader() *Reader {
	return &Reader{known[*Entry]{}, known[mgmt.PastConfig]{}, known[*mgmt.Operation]{}}
}

// known is what was read, by the keys of the values.
type known[T any] map[string]struct {
	value []byte
	is    T
}

// read returns what a value holds.
func (k known[T]) read(key string, value []byte, decode func([]byte) (T, error)) (T, error) {
	if was, ok := k[key]; ok && bytes.Equal(was.value, value) {
		return was.is, nil
	}
	is, err := decode(value)
	if err == nil && k != nil {
		k[key] = struct {
			value []byte
			is    T
		}{value, is}
	}
	return is, err
}

// Restore reads a State, as the function Restore does.
func (in *Reader) Restore(values map[string][]byte) (State, error) {
	if len(values) == 0 {
		return State{}, nil
	}
	version, err := form.Version(values[stateKey], storedForm)
	if err != nil {
		return State{}, fmt.Errorf("value %q: %w", stateKey, err)
	}
	r := restoring{in: in, values: values, unread: maps.Clone(values)}
	delete(r.unread, stateKey)
	var s State
	switch version {
	case 0:
		s, err = readState0(values[stateKey])
	case 1:
		s, err = r.state1()
	default:
		s, err = r.state()
	}
	if err == nil && len(r.unread) > 0 {
		err = fmt.Errorf("value %q is not known", slices.Sorted(maps.Keys(r.unread))[0])
	}
	return s, err
}

// restoring reads a State of form 1 or 2.
type restoring struct {
	in             *Reader
	values, unread map[string][]byte
}

func (r restoring) state() (State, error) {
	var f stateForm2
	if err := form.Decode(r.values[stateKey], &f); err != nil {
		return State{}, fmt.Errorf("value %q: %w", stateKey, err)
	}
	s := State{Revision: f.Revision, Refused: f.Refused, Stopped: f.Stopped, Paused: f.Paused, LastOperation: f.LastOperation}
	for _, l := range f.Leaving {
		s.Leaving = append(s.Leaving, Leaving{l.Instance.Instance(), l.Since})
	}
	if err := checkRevisions(f.Revision, f.Staged, f.Ready, f.Deployed); err != nil {
		return State{}, fmt.Errorf("value %q: %w", stateKey, err)
	}
	if err := r.descriptions(&s, f.Deployed); err != nil {
		return State{}, err
	}
	if err := r.operations(&s); err != nil {
		return State{}, err
	}
	if err := r.entries(&s, f.Staged, f.Ready, f.Deployed); err != nil {
		return State{}, err
	}
	return s, r.fallback(&s)
}

// fallback reads the one earlier configuration that may be needed at once.
func (r restoring) fallback(s *State) (err error) {
	for _, op := range s.Operations {
		if !op.State.Ends() && !op.RevertAt.IsZero() && op.Revision == s.Deployed.revision() && r.values[DeployedKey(op.From)] != nil {
			s.Fallback, err = r.entry(DeployedKey(op.From), op.From)
		}
	}
	return err
}

// checkRevisions finds revisions that would be used twice.
func checkRevisions(last uint64, present ...uint64) error {
	if most := slices.Max(present); most > last || last > maxRevision {
		return fmt.Errorf("revision %d is there, and the last one is %d", most, last)
	}
	return nil
}

// maxRevision bounds the revisions that Restore accepts. No controller gets there.
const maxRevision = 1 << 62

// descriptions reads the descriptions of the revisions up to the deployed one, which has
// one, too.
func (r restoring) descriptions(s *State, deployed uint64) error {
	names := interned{}
	for _, key := range r.keys(revisionKeys) {
		p, err := r.in.pasts.read(key, r.values[key], readPast)
		switch {
		case err != nil:
			return fmt.Errorf("value %q: %w", key, err)
		case revisionKey(p.Revision) != key:
			return fmt.Errorf("value %q has revision %d", key, p.Revision)
		case p.Revision > deployed:
			return fmt.Errorf("value %q: the history has revision %d, and %d is deployed", key, p.Revision, deployed)
		case p.Revision == deployed:
			continue
		}
		if p.Kept = r.values[DeployedKey(p.Revision)] != nil; p.Kept {
			delete(r.unread, DeployedKey(p.Revision))
		}
		p.Who, p.Kind = names.one(p.Who), mgmt.OperationKind(names.one(string(p.Kind)))
		s.History = append(s.History, p)
	}
	if _, ok := r.values[revisionKey(deployed)]; deployed != 0 && !ok {
		return fmt.Errorf("value %q is missing", revisionKey(deployed))
	}
	return nil
}

// interned keeps one copy of each text. Thousands of descriptions have the same names.
type interned map[string]string

func (in interned) one(text string) string {
	if known, ok := in[text]; ok {
		return known
	}
	in[text] = text
	return text
}

// operations reads the operations, oldest first.
func (r restoring) operations(s *State) error {
	for _, key := range r.keys(operationKeys) {
		op, err := r.in.operations.read(key, r.values[key], readOperation)
		if err != nil {
			return fmt.Errorf("value %q: %w", key, err)
		}
		if operationKey(op.ID) != key {
			return fmt.Errorf("value %q has operation %d", key, op.ID)
		}
		s.Operations = append(s.Operations, op)
	}
	return nil
}

// keys returns the keys that consist of a prefix and a number, sorted, and marks their
// values as read.
func (r restoring) keys(prefix string) []string {
	var keys []string
	for key := range r.values {
		digits, ok := strings.CutPrefix(key, prefix)
		if _, err := strconv.ParseUint(digits, 16, 64); ok && err == nil {
			keys = append(keys, key)
			delete(r.unread, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// entries reads the configurations that are in use.
func (r restoring) entries(s *State, staged, ready, deployed uint64) (err error) {
	if s.Staged, err = r.entry(stagedKey, staged); err != nil {
		return err
	}
	if s.Deployed, err = r.entry(DeployedKey(deployed), deployed); err != nil {
		return err
	}
	if s.Ready = s.Deployed; ready != deployed {
		s.Ready, err = r.entry(readyKey, ready)
	}
	s.deriveAssigned()
	return err
}

// deriveAssigned sets which ports were assigned if the deployed configuration was stored
// by a controller that did not store that. What was staged for it says so.
func (s *State) deriveAssigned() {
	if d := s.Deployed; d != nil && s.Staged != nil && s.Ready == d && d.Assigned.None() && s.Staged.Config.ID == d.Config.ID {
		derived := *d
		derived.Assigned = mgmt.PortsAssigned(s.Staged.Config, d.Config)
		s.Deployed, s.Ready = &derived, &derived
	}
}

// entry reads the Entry of this revision, or nil if the revision is zero.
func (r restoring) entry(key string, revision uint64) (*Entry, error) {
	if revision == 0 {
		return nil, nil
	}
	value, ok := r.values[key]
	if !ok {
		return nil, fmt.Errorf("value %q is missing", key)
	}
	delete(r.unread, key)
	e, err := r.in.Entry(key, value)
	if err != nil {
		return nil, fmt.Errorf("value %q: %w", key, err)
	}
	if e.Revision != revision {
		return nil, fmt.Errorf("value %q has revision %d, not %d", key, e.Revision, revision)
	}
	return e, nil
}

// Entry returns the Entry that the value of a key holds.
func (in *Reader) Entry(key string, value []byte) (*Entry, error) {
	return in.entries.read(key, value, ReadEntry)
}
