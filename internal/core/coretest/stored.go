package coretest

import (
	"maps"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
)

// Stored holds the values on a controller's disk, by their keys.
type Stored map[string][]byte

// After returns the values after these changes.
func (s Stored) After(changes []controller.Change) Stored {
	next := Stored{}
	maps.Copy(next, s)
	for _, c := range changes {
		if c.Value == nil {
			delete(next, c.Key)
		} else {
			next[c.Key] = c.Value
		}
	}
	return next
}
