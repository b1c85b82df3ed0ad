package systemd

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Infinity is the value of a property that bounds nothing.
const Infinity = ^uint64(0)

// SystemBus is where the system bus listens.
const SystemBus = "/run/dbus/system_bus_socket"

// The address of systemd on the bus.
const (
	managerName      = "org.freedesktop.systemd1"
	managerPath      = "/org/freedesktop/systemd1"
	managerInterface = "org.freedesktop.systemd1.Manager"
)

// Manager is the systemd of a host. Several goroutines may use it at once.
type Manager struct {
	// Socket is the socket of the bus. Empty means SystemBus.
	Socket string
	// Timeout bounds each call. Zero means 10 s.
	Timeout time.Duration
}

// Scope is a scope to be made around a process.
type Scope struct {
	Name        string // ends in .scope
	Slice       string // ends in .slice
	Description string
	PID         int
	// Before are services that systemd stops before the processes of the scope.
	Before []string
	Limits Limits
}

// Limits are what the processes of a scope may use. Zero means no limit for Memory, and the
// weight of everybody for CPUWeight.
type Limits struct{ Memory, CPUWeight uint64 }

func (l Limits) properties() []property {
	memory, swap, weight := Infinity, Infinity, Infinity
	if l.Memory != 0 {
		memory, swap = l.Memory, 0 // what is swapped out is too late for packets
	}
	if l.CPUWeight != 0 {
		weight = l.CPUWeight
	}
	return []property{{"MemoryMax", memory}, {"MemorySwapMax", swap}, {"CPUWeight", weight}}
}

// An Error is a refusal by systemd or by the bus.
type Error struct{ Name, Text string }

func (e *Error) Error() string { return e.Text + " (" + e.Name + ")" }

// ErrExists says that there is a unit of this name.
var ErrExists = errors.New("there is a unit of this name")

// StartScope makes a scope and puts the process into it. The process is in it when StartScope
// returns without an error.
func (m Manager) StartScope(ctx context.Context, s Scope) error {
	properties := append([]property{
		{"Description", s.Description}, {"Slice", s.Slice}, {"PIDs", []uint32{uint32(s.PID)}},
		{"CollectMode", "inactive-or-failed"}, {"Before", s.Before},
	}, s.Limits.properties()...)
	var body encoder
	body.text(s.Name)
	body.text("fail")
	body.properties(properties)
	body.length(8, func() {}) // no other units
	err := m.do(ctx, func(c *conn) error {
		var match encoder
		match.text("type='signal',sender='" + managerName + "',interface='" + managerInterface + "',member='JobRemoved'")
		if _, err := c.call(busName, busPath, busName, "AddMatch", "s", match.buf); err != nil {
			return err
		}
		reply, err := c.call(managerName, managerPath, managerInterface, "StartTransientUnit", "ssa(sv)a(sa(sv))", body.buf)
		if err != nil {
			return err
		}
		return c.awaitJob(reply)
	})
	if e, ok := errors.AsType[*Error](err); ok && e.Name == managerName+".UnitExists" {
		err = ErrExists
	}
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	return nil
}

// SetLimits gives a unit other limits, until the unit ends.
func (m Manager) SetLimits(ctx context.Context, unit string, l Limits) error {
	var body encoder
	body.text(unit)
	body.bool(true)
	body.properties(l.properties())
	err := m.do(ctx, func(c *conn) error {
		_, err := c.call(managerName, managerPath, managerInterface, "SetUnitProperties", "sba(sv)", body.buf)
		return err
	})
	if err != nil {
		return fmt.Errorf("set limits of %s: %w", unit, err)
	}
	return nil
}

// Reach returns an error unless systemd answers on the bus.
func (m Manager) Reach(ctx context.Context) error {
	var body encoder
	body.text(managerInterface)
	body.text("Version")
	return m.do(ctx, func(c *conn) error {
		_, err := c.call(managerName, managerPath, "org.freedesktop.DBus.Properties", "Get", "ss", body.buf)
		return err
	})
}

// awaitJob waits for the end of the job that a reply names.
func (c *conn) awaitJob(reply message) error {
	job, err := reply.decoder().text()
	if err != nil {
		return err
	}
	for {
		msg, err := c.signal("JobRemoved")
		if err != nil {
			return err
		}
		d := msg.decoder()
		_, err = d.uint32()
		path, err2 := d.text()
		_, err3 := d.text()
		result, err4 := d.text()
		if err := errors.Join(err, err2, err3, err4); err != nil {
			return err
		}
		if path != job {
			continue
		}
		if result != "done" {
			return fmt.Errorf("its job ended with %q", result)
		}
		return nil
	}
}
