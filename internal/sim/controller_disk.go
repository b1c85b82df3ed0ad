package sim

import (
	"fmt"
	"reflect"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// controllerDisk is the store of the controller. A second controller may save
// there, too.
type controllerDisk struct {
	values disk
	// saves counts all saves. seen is the count that the present life knows of.
	saves, seen uint64
	// saved is the state that the present life saved last, or has loaded.
	saved controller.State
	state diskState
}

// load returns the state with which a life begins.
func (d *controllerDisk) load(w *world) controller.State {
	d.seen, d.saved = d.saves, restore(w, d.values)
	return d.saved
}

// changed returns the values after these changes.
func (d *controllerDisk) changed(changes []controller.Change) disk {
	next := d.values.clone()
	for _, c := range changes {
		next.set(c.Key, c.Value)
	}
	return next
}

// foreign reports whether a second controller has saved since the present life
// loaded or saved last.
func (d *controllerDisk) foreign() bool { return d.saves != d.seen }

// restore reads a state from its stored values. A value that has not changed is not read again:
// that would take a third of a run's time.
func restore(w *world, values disk) controller.State {
	state, err := w.read.Restore(values)
	if err != nil {
		w.violated("what the controller has saved cannot be read: %v", err)
	}
	return state
}

// checkStored demands that no core has changed an entry or an operation that was read: they
// never change, and many states have them in common.
func (r *referee) checkStored() {
	values := r.controller.disk.values
	if r.shared != nil {
		values = r.shared.values
	}
	if anew, err := controller.Restore(values); err != nil || !reflect.DeepEqual(anew, restore(r.world, values)) {
		r.violated("somebody has changed what was read of the controller's store: %v", err)
	}
}

func operationKey(id mgmt.OperationID) string { return fmt.Sprintf("operation/%016x", uint64(id)) }

// predecessors returns the configurations that were deployed earlier and are kept.
func (d *controllerDisk) predecessors(w *world) []*controller.Entry {
	var list []*controller.Entry
	for _, past := range d.saved.History {
		if !past.Kept {
			continue
		}
		key := controller.DeployedKey(past.Revision)
		e, err := w.read.Entry(key, d.values[key])
		if err != nil {
			w.violated("a predecessor of the deployed configuration cannot be read: %v", err)
			continue
		}
		list = append(list, e)
	}
	return list
}

// saveBehind lets a second controller, which has the same store, stage a
// configuration.
func (ch *chaos) saveBehind() {
	if ch.shared != nil {
		return // nobody but the controllers has their store
	}
	d := &ch.controller.disk
	second := controller.New(ch.terms.controller, restore(ch.world, d.values), ch.source())
	config := ch.load.someConfiguration(mgmt.Configuration{})
	ch.warrants.stage("behind", config)
	ch.steps++
	effects := second.Step(epoch.Add(ch.now), controller.FromClient{
		Client: "behind", Principal: mgmt.Principal{Name: "behind", Role: mgmt.Admin},
		Msg: mgmt.StageConfigurationRequest{ReqID: ch.newReqID(), Config: config},
	})
	told := ch.ops.told
	ch.ops.told = map[mgmt.OperationID]bool{} // by the second one: the first one does not know yet that it leads no longer
	defer func() { ch.ops.told = told }()
	ch.ops.tells(effects)
	for _, e := range effects {
		if save, ok := e.(controller.Save); ok {
			ch.did("a second controller", "saves")
			values := d.changed(save.Changes)
			ch.ops.checkSave(restore(ch.world, d.values), restore(ch.world, values), d.values, values)
			d.values = values
			d.saves++
		}
	}
}
