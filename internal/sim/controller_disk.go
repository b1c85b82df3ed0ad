package sim

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// controllerDisk is the store of the controller. Now and then somebody else
// saves there, too.
type controllerDisk struct {
	values coretest.Stored
	// saves counts all saves, and seen those of which the present life knows.
	saves, seen uint64
	// saved is the state as the present life has loaded it, or saved it last.
	saved controller.State
	state diskState
}

// load returns the state with which a life begins.
func (d *controllerDisk) load(w *world) controller.State {
	d.seen, d.saved = d.saves, restore(w, d.values)
	return d.saved
}

// foreign reports whether somebody else has saved since the present life has.
func (d *controllerDisk) foreign() bool { return d.saves != d.seen }

// restore returns the state that these values have.
func restore(w *world, values coretest.Stored) controller.State {
	state, err := controller.Restore(values)
	if err != nil {
		w.violated("what the controller has saved cannot be read: %v", err)
	}
	return state
}

// predecessors returns the configurations that were deployed before.
func (d *controllerDisk) predecessors(w *world) []*controller.Entry {
	var list []*controller.Entry
	for _, past := range d.saved.History {
		e, err := controller.ReadEntry(d.values[fmt.Sprintf("deployed/%016x", past.Revision)])
		if err != nil {
			w.violated("a predecessor of the deployed configuration cannot be read: %v", err)
			continue
		}
		list = append(list, e)
	}
	return list
}

// saveBehind has a second controller, which holds the same store, stage a
// configuration there.
func (w *world) saveBehind() {
	d := &w.controller.disk
	second := controller.New(w.terms.controller, restore(w, d.values), w.dice())
	effects := second.Step(epoch.Add(w.now), controller.FromClient{
		Client: "behind", Principal: mgmt.Principal{Name: "behind", Role: mgmt.Admin},
		Msg: mgmt.StageConfigurationRequest{ReqID: w.newReqID(), Config: w.someConfiguration(mgmt.Configuration{})},
	})
	for _, e := range effects {
		if save, ok := e.(controller.Save); ok {
			w.did("a second controller", "saves")
			d.values = d.values.After(save.Changes)
			d.saves++
		}
	}
}
