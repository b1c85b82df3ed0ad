package sim

import (
	"encoding/json"
	"reflect"
)

// disk keeps the state of one part.
type disk[State any] struct {
	saved State
	state diskState
	// read is saved as a program has it that starts again, if loaded says so.
	read   State
	loaded bool
}

// diskState is how a disk behaves by order, beside what the mood does.
type diskState int

const (
	diskWorks diskState = iota
	diskFull
	crashBeforeSave
	crashAfterSave
)

func (d *disk[State]) store(s State) { d.saved, d.loaded = s, false }

// load returns what a life begins with: what the text says that was saved. It
// must say everything.
func (d *disk[State]) load(w *world) State {
	if d.loaded {
		return d.read
	}
	text, err := json.Marshal(d.saved)
	var read State
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	if err != nil || !reflect.DeepEqual(read, d.saved) {
		w.violated("a %T reads otherwise than it was saved: %v", read, err)
	}
	d.read, d.loaded = read, true
	return read
}

// saves decides what becomes of a save.
func (w *world) saves(d diskState) (stored, survived bool) {
	switch {
	case d == diskFull || w.chance(w.mood.saveFails):
		return false, true
	case d == crashBeforeSave || w.chance(w.mood.saveCrash):
		return false, false
	case d == crashAfterSave || w.chance(w.mood.saveCrash):
		return true, false
	}
	return true, true
}
