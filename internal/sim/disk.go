package sim

// diskState is how a disk behaves by order, beside what the mood does.
type diskState int

const (
	diskWorks diskState = iota
	diskFull
	crashBeforeSave
	crashAfterSave
)

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
