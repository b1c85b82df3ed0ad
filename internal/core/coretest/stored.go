package coretest

import (
	"maps"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
)

// Stored is what a controller has on its disk: values by their keys.
type Stored map[string][]byte

// After returns what is stored when these changes were made.
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
