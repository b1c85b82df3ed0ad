package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The keys under which a State is stored. Each configuration has a value of its
// own. So only the configurations that have changed are written.
const (
	stateKey  = "state"
	stagedKey = "staged"
	readyKey  = "ready"
	// deployedKeys is the prefix of the keys of configurations that are deployed, or
	// were deployed before. The revision follows.
	deployedKeys = "deployed/"
)

func deployedKey(revision uint64) string { return fmt.Sprintf("%s%016x", deployedKeys, revision) }

// storedForm is the newest form of the values.
const storedForm = 1

// stateForm1 is the value of stateKey, in form 1. A revision of zero means none.
type stateForm1 struct {
	Version  int    `json:"version"`
	Revision uint64 `json:"revision"`
	Staged   uint64 `json:"staged,omitempty"`
	// Ready has no value of its own if it is the deployed revision.
	Ready    uint64              `json:"ready,omitempty"`
	Deployed uint64              `json:"deployed,omitempty"`
	Refused  []mgmt.InstanceName `json:"refused,omitempty"`
	Leaving  []leavingForm1      `json:"leaving,omitempty"`
	History  []pastForm1         `json:"history,omitempty"`
}

type leavingForm1 struct {
	Instance form.Instance `json:"instance"`
	Since    time.Time     `json:"since"`
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

// entryForm1 is the value of one Entry, in form 1.
type entryForm1 struct {
	Version       int                `json:"version"`
	Revision      uint64             `json:"revision"`
	When          time.Time          `json:"when"`
	Who           string             `json:"who"`
	Configuration form.Configuration `json:"configuration"`
}

// encode returns the value of e. The first call also sets e.size. At that time no
// other goroutine has e.
func (e *Entry) encode() []byte {
	value := form.Encode(entryForm1{storedForm, e.Revision, e.When.UTC(), e.Who, form.NewConfiguration(e.Config)})
	if e.size == 0 {
		e.size = len(value)
	}
	return value
}

// ReadEntry returns the Entry that a value holds.
func ReadEntry(value []byte) (*Entry, error) {
	version, err := form.Version(value, storedForm)
	if err != nil {
		return nil, err
	}
	if version != storedForm {
		return nil, fmt.Errorf("a configuration is not stored in form %d", version)
	}
	var f entryForm1
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	return &Entry{
		Config: f.Configuration.Configuration(), Revision: f.Revision, When: f.When, Who: f.Who, size: len(value),
	}, nil
}

// encode returns the value of stateKey.
func (s State) encode() []byte {
	f := stateForm1{
		Version: storedForm, Revision: s.Revision, Refused: s.Refused,
		Staged: s.Staged.revision(), Ready: s.Ready.revision(), Deployed: s.Deployed.revision(),
	}
	for _, l := range s.Leaving {
		f.Leaving = append(f.Leaving, leavingForm1{form.NewInstance(l.Instance), l.Since.UTC()})
	}
	for _, p := range s.History {
		past := pastForm1(p)
		past.When = past.When.UTC()
		f.History = append(f.History, past)
	}
	return form.Encode(f)
}

func (e *Entry) revision() uint64 {
	if e == nil {
		return 0
	}
	return e.Revision
}

// Restore reads a State from the stored values, by their keys. Without values it
// returns the zero State. A value that is unknown, damaged, or in a newer form is
// an error.
func Restore(values map[string][]byte) (State, error) {
	if len(values) == 0 {
		return State{}, nil
	}
	version, err := form.Version(values[stateKey], storedForm)
	if err != nil {
		return State{}, fmt.Errorf("value %q: %w", stateKey, err)
	}
	r := restoring{values: values, unread: maps.Clone(values)}
	delete(r.unread, stateKey)
	var s State
	if version == 0 {
		s, err = readState0(values[stateKey])
	} else {
		s, err = r.state()
	}
	if err == nil && len(r.unread) > 0 {
		err = fmt.Errorf("value %q is not known", slices.Sorted(maps.Keys(r.unread))[0])
	}
	return s, err
}

// restoring reads a State of form 1.
type restoring struct {
	values, unread map[string][]byte
}

func (r restoring) state() (State, error) {
	var f stateForm1
	if err := form.Decode(r.values[stateKey], &f); err != nil {
		return State{}, fmt.Errorf("value %q: %w", stateKey, err)
	}
	s := State{Revision: f.Revision, Refused: f.Refused}
	for _, l := range f.Leaving {
		s.Leaving = append(s.Leaving, Leaving{l.Instance.Instance(), l.Since})
	}
	for _, p := range f.History {
		key := deployedKey(p.Revision)
		if _, ok := r.values[key]; !ok {
			return State{}, fmt.Errorf("value %q is missing", key)
		}
		delete(r.unread, key)
		s.History = append(s.History, mgmt.PastConfig(p))
	}
	if err := f.check(); err != nil {
		return State{}, fmt.Errorf("value %q: %w", stateKey, err)
	}
	var err error
	if s.Staged, err = r.entry(stagedKey, f.Staged); err != nil {
		return State{}, err
	}
	if s.Deployed, err = r.entry(deployedKey(f.Deployed), f.Deployed); err != nil {
		return State{}, err
	}
	if s.Ready = s.Deployed; f.Ready != f.Deployed {
		s.Ready, err = r.entry(readyKey, f.Ready)
	}
	return s, err
}

// check finds revisions that would be used twice.
func (f stateForm1) check() error {
	if most := max(f.Staged, f.Ready, f.Deployed); most > f.Revision || f.Revision > maxRevision {
		return fmt.Errorf("revision %d is there, and the last one is %d", most, f.Revision)
	}
	for i, p := range f.History {
		next := f.Deployed
		if i+1 < len(f.History) {
			next = f.History[i+1].Revision
		}
		if p.Revision >= next {
			return fmt.Errorf("the history has revision %d before %d", p.Revision, next)
		}
	}
	return nil
}

// maxRevision bounds the revisions that Restore accepts. No controller gets there.
const maxRevision = 1 << 62

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
	e, err := ReadEntry(value)
	if err != nil {
		return nil, fmt.Errorf("value %q: %w", key, err)
	}
	if e.Revision != revision {
		return nil, fmt.Errorf("value %q has revision %d, not %d", key, e.Revision, revision)
	}
	return e, nil
}

// changes returns the changes that turn the values of s into those of next.
// unwritten holds entries that were deployed and have no value yet. Those that next
// still keeps get a value.
func (s State) changes(next State, unwritten []*Entry) []Change {
	var list []Change
	put := func(key string, e *Entry) { list = append(list, Change{key, e.encode()}) }
	had, kept := s.deployedKeys(), next.deployedKeys()
	for _, e := range unwritten {
		if key := deployedKey(e.Revision); slices.Contains(kept, key) && e.Revision != next.Deployed.revision() {
			put(key, e)
		}
	}
	if next.Staged != s.Staged {
		put(stagedKey, next.Staged)
	}
	switch {
	case next.ownReady() && (!s.ownReady() || next.Ready != s.Ready):
		put(readyKey, next.Ready)
	case s.ownReady() && !next.ownReady():
		list = append(list, Change{Key: readyKey})
	}
	if next.Deployed != s.Deployed {
		put(deployedKey(next.Deployed.Revision), next.Deployed)
	}
	for _, key := range had {
		if !slices.Contains(kept, key) {
			list = append(list, Change{Key: key})
		}
	}
	slices.SortStableFunc(list, func(a, b Change) int { return strings.Compare(a.Key, b.Key) })
	return append(list, Change{stateKey, next.encode()})
}

// ownReady reports whether Ready has a value of its own.
func (s State) ownReady() bool { return s.Ready != nil && s.Ready.revision() != s.Deployed.revision() }

// deployedKeys returns the keys of the configurations that are deployed, or were
// deployed before.
func (s State) deployedKeys() []string {
	var keys []string
	for _, p := range s.History {
		keys = append(keys, deployedKey(p.Revision))
	}
	if s.Deployed != nil {
		keys = append(keys, deployedKey(s.Deployed.Revision))
	}
	return keys
}
