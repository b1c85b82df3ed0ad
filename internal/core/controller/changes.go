package controller

import (
	"cmp"
	"reflect"
	"slices"
	"sort"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// lacking says what the store does not have yet of a State that it has in an earlier
// form.
type lacking struct {
	descriptions bool     // of all revisions
	deployed     []*Entry // configurations that are deployed or were deployed
}

// changes returns the changes that turn the values of s into those of next.
func (s State) changes(next State, lacks lacking) []Change {
	var list []Change
	put := func(key string, e *Entry) { list = append(list, Change{key, e.encode()}) }
	had, kept := s.kept(), next.kept()
	for _, e := range lacks.deployed {
		if _, ok := slices.BinarySearch(kept, e.Revision); ok && e.Revision != next.Deployed.revision() {
			put(DeployedKey(e.Revision), e)
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
		put(DeployedKey(next.Deployed.Revision), next.Deployed)
	}
	for _, r := range had {
		if _, ok := slices.BinarySearch(kept, r); !ok {
			list = append(list, Change{Key: DeployedKey(r)})
		}
	}
	list = append(list, s.describe(next, lacks)...)
	list = append(list, operationChanges(s.Operations, next.Operations)...)
	sort.SliceStable(list, func(i, j int) bool { return list[i].Key < list[j].Key })
	return append(list, Change{stateKey, next.encode()})
}

// ownReady reports whether Ready has a value of its own.
func (s State) ownReady() bool { return s.Ready != nil && s.Ready.revision() != s.Deployed.revision() }

// kept returns the revisions whose configurations the store has, sorted.
func (s State) kept() []uint64 {
	var list []uint64
	for _, p := range s.History {
		if p.Kept {
			list = append(list, p.Revision)
		}
	}
	if s.Deployed != nil {
		list = append(list, s.Deployed.Revision)
	}
	return list
}

// descriptions returns the descriptions of all revisions, oldest first.
func (s State) descriptions() []mgmt.PastConfig {
	if s.Deployed == nil {
		return s.History
	}
	return append(slices.Clip(s.History), s.Deployed.past())
}

// describe returns the changes of the descriptions. Most saves change none: these take
// no time, however many there are.
func (s State) describe(next State, lacks lacking) []Change {
	switch {
	case lacks.descriptions:
		return describeAll(nil, next.descriptions())
	case next.Deployed == s.Deployed && sameList(s.History, next.History):
		return nil
	}
	return describeAll(s.descriptions(), next.descriptions())
}

// sameList reports whether both lists are the same memory.
func sameList(a, b []mgmt.PastConfig) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// describeAll returns the changes that turn the descriptions of had into those of next.
// Both are sorted.
func describeAll(had, next []mgmt.PastConfig) []Change {
	var list []Change
	for len(had) > 0 || len(next) > 0 {
		order := cmp.Compare(len(next), 0) - cmp.Compare(len(had), 0) // whichever has ended comes last
		if order == 0 {
			order = cmp.Compare(had[0].Revision, next[0].Revision)
		}
		switch {
		case order < 0:
			list = append(list, Change{Key: revisionKey(had[0].Revision)})
			had = had[1:]
		case order > 0:
			list = append(list, Change{revisionKey(next[0].Revision), encodePast(next[0])})
			next = next[1:]
		default:
			was := had[0]
			if was.Kept = next[0].Kept; !reflect.DeepEqual(was, next[0]) {
				list = append(list, Change{revisionKey(was.Revision), encodePast(next[0])})
			}
			had, next = had[1:], next[1:]
		}
	}
	return list
}

// operationChanges returns the changes that turn the operations of had into those of
// next. An operation never changes: another one with its ID takes its place.
func operationChanges(had, next []*mgmt.Operation) []Change {
	before := make(map[mgmt.OperationID]*mgmt.Operation, len(had))
	for _, op := range had {
		before[op.ID] = op
	}
	var list []Change
	for _, op := range next {
		if before[op.ID] != op {
			list = append(list, Change{operationKey(op.ID), encodeOperation(op)})
		}
		delete(before, op.ID)
	}
	for id := range before {
		list = append(list, Change{Key: operationKey(id)})
	}
	return list
}
