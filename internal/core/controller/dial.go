package controller

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// redial makes the Connects in force those that are wanted: to the instances of
// a deployment that gathers its agents, to those of the deployed configuration,
// and to those that left and do not know yet.
func (m *Machine) redial() {
	wanted := map[mgmt.InstanceName]netip.AddrPort{}
	want := func(in mgmt.Instance) {
		delete(wanted, in.Name)
		if addr, ok := dialAddr(in); ok {
			wanted[in.Name] = addr
		}
	}
	for _, l := range m.state.Leaving {
		want(l.Instance)
	}
	if m.deployed != nil {
		for _, in := range m.deployed.config.Instances {
			want(in)
		}
	}
	if m.deploying != nil {
		for _, in := range m.deploying.target.config.Instances {
			want(in)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.dials)) {
		if addr := m.dials[name]; addr != wanted[name] {
			m.hangUp(name, addr)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if _, ok := m.dials[name]; !ok {
			m.dials[name] = wanted[name]
			m.emit(Connect{name, wanted[name]})
		}
	}
}

// hangUp takes a Connect back. The agent behind it is gone from here on,
// although its peer is reported lost only later.
func (m *Machine) hangUp(name mgmt.InstanceName, addr netip.AddrPort) {
	delete(m.dials, name)
	m.emit(Disconnect{name, addr})
	if a := m.agents[name]; a != nil && a.peer.dialed && a.peer.addr == addr {
		a.peer.retired = true
		m.drop(a)
	}
}

// forgetLeavers stops the search for instances that are to be told that they
// are no longer part of the cluster: those that know, and those that did not
// appear for LeaveTimeout (spec management-api 7.3, G-C10).
func (m *Machine) forgetLeavers() {
	var stay []Leaving
	for _, l := range m.state.Leaving {
		a := m.agents[l.Instance.Name]
		switch {
		case a != nil && a.standing == dismissed:
		case m.now.Sub(l.Since) >= m.cfg.LeaveTimeout:
			m.note(Note{Level: Warn, Text: "dropped instance never stood by", Instance: l.Instance.Name})
		default:
			stay = append(stay, l)
		}
	}
	if len(stay) == len(m.state.Leaving) {
		return
	}
	next := m.state
	next.Leaving = stay
	m.save(&saving{next: next, tidying: true})
}
