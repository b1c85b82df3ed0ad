package controller

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// dials holds the Connects in force.
type dials struct {
	*turn
	inForce map[mgmt.InstanceName]netip.AddrPort
	// stale says that the wanted Connects may have changed.
	stale bool
}

// wantedDials maps instances to the addresses that the controller must dial. If an
// instance is added twice, only the last address counts. If the last address says
// that the controller must not dial, the instance is removed.
type wantedDials map[mgmt.InstanceName]netip.AddrPort

func (w wantedDials) add(in mgmt.Instance) {
	delete(w, in.Name)
	if addr, ok := dialAddr(in); ok {
		w[in.Name] = addr
	}
}

func (w wantedDials) addAll(t *target) {
	if t == nil {
		return
	}
	for _, in := range t.config.Instances {
		w.add(in)
	}
}

// unwanted returns, sorted, the instances that are dialed although they are not in
// w, or are in w with another address.
func (d *dials) unwanted(wanted wantedDials) []mgmt.InstanceName {
	var names []mgmt.InstanceName
	for name, addr := range d.inForce {
		if addr != wanted[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// hangUp takes a Connect back and returns its address.
func (d *dials) hangUp(name mgmt.InstanceName) netip.AddrPort {
	addr := d.inForce[name]
	delete(d.inForce, name)
	d.emit(Disconnect{name, addr})
	return addr
}

// dialMissing dials the instances that are wanted and not dialed yet.
func (d *dials) dialMissing(wanted wantedDials) {
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if _, ok := d.inForce[name]; !ok {
			d.inForce[name] = wanted[name]
			d.emit(Connect{name, wanted[name]})
		}
	}
}
