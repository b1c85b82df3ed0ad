package sim

import "maps"

// disk is what is stored on a disk: values by their keys. A save changes a clone,
// so that a save that fails changes nothing.
type disk map[string][]byte

func (d disk) clone() disk {
	next := disk{}
	maps.Copy(next, d)
	return next
}

// set replaces the value of a key. No value removes the key.
func (d disk) set(key string, value []byte) {
	if value == nil {
		delete(d, key)
	} else {
		d[key] = value
	}
}

// diskState says how the saves of a disk end. The mood may make them worse.
type diskState int

const (
	diskWorks diskState = iota
	diskFull
	crashBeforeSave
	crashAfterSave
)

// saves decides whether a save is stored, and whether the program survives it.
func (e *environment) saves(d diskState) (stored, survived bool) {
	switch {
	case d == diskFull || e.chance(e.mood.saveFails):
		return false, true
	case d == crashBeforeSave || e.chance(e.mood.saveCrash):
		return false, false
	case d == crashAfterSave || e.chance(e.mood.saveCrash):
		return true, false
	}
	return true, true
}
