package mgmt

import (
	"maps"
	"reflect"
	"slices"
)

// Equal reports whether p and q launch the same.
func (p Plan) Equal(q Plan) bool { return reflect.DeepEqual(p, q) }

// Diff is what has to be done to get from some nodes to others; each list is
// sorted by name.
type Diff struct{ Unchanged, Changed, Added, Removed []NodeName }

// DiffPlans compares the plans of the nodes that are with those of the nodes
// that should be.
func DiffPlans(are, should map[NodeName]Plan) Diff {
	var d Diff
	for _, name := range slices.Sorted(maps.Keys(should)) {
		was, existed := are[name]
		switch {
		case !existed:
			d.Added = append(d.Added, name)
		case was.Equal(should[name]):
			d.Unchanged = append(d.Unchanged, name)
		default:
			d.Changed = append(d.Changed, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(are)) {
		if _, stays := should[name]; !stays {
			d.Removed = append(d.Removed, name)
		}
	}
	return d
}
