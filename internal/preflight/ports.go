package preflight

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// checkPorts tries to bind every port. Ports that two nodes want are found as
// well: each of them could be bound by itself.
func checkPorts(ctx context.Context, cfg Config, checks []Check) []mgmt.Finding {
	found := portClashes(checks)
	for _, c := range checks {
		for _, p := range c.Ports {
			err := tryBind(ctx, p)
			if err == nil {
				continue
			}
			held := Listeners(p.Addr, p.Number)
			inUse := errors.Is(err, syscall.EADDRINUSE)
			if inUse && len(held) == 0 && couldBeOurs(p, sockowner.Listening(), os.Geteuid(), hides(cfg.Ours)) {
				continue
			}
			if problem := portProblem(p, err, held, cfg.Ours); problem != "" {
				found = append(found, mgmt.Finding{Node: c.Node, Problem: problem})
			}
		}
	}
	return found
}

func tryBind(ctx context.Context, p Port) error {
	host := ""
	if p.Addr.IsValid() {
		host = p.Addr.String()
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(p.Number))))
	if err != nil {
		return err
	}
	return ln.Close()
}

// portProblem says what is wrong with a port that could not be bound, or
// nothing.
func portProblem(p Port, err error, held []sockowner.Process, ours []int) string {
	isOurs := func(l sockowner.Process) bool {
		return slices.Contains(ours, l.Session) || slices.Contains(ours, l.PID)
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		i := slices.IndexFunc(held, func(l sockowner.Process) bool { return !isOurs(l) })
		switch {
		case i >= 0:
			return fmt.Sprintf("%v is in use by %v", p, held[i])
		case len(held) > 0:
			return ""
		}
		return fmt.Sprintf("%v is in use", p)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Sprintf("%v cannot be bound: this host has no such address", p)
	case errors.Is(err, syscall.EACCES):
		return fmt.Sprintf("%v cannot be bound: ports below 1024 take permission", p)
	}
	return fmt.Sprintf("%v cannot be bound: %v", p, err)
}

// String returns "metrics port 127.0.0.1:9000".
func (p Port) String() string {
	where := "port " + strconv.Itoa(int(p.Number))
	if p.Addr.IsValid() {
		where = "port " + netip.AddrPortFrom(p.Addr, p.Number).String()
	}
	if p.Use == "" {
		return where
	}
	return p.Use + " " + where
}

// portClashes finds ports that more than one node, or one node twice, wants.
func portClashes(checks []Check) []mgmt.Finding {
	type wish struct {
		of Check
		Port
	}
	var wishes []wish
	var found []mgmt.Finding
	for _, c := range checks {
		for _, p := range c.Ports {
			i := slices.IndexFunc(wishes, func(w wish) bool { return w.Number == p.Number && overlap(w.Addr, p.Addr) })
			if i >= 0 {
				found = append(found, mgmt.Finding{
					Node:    c.Node,
					Problem: fmt.Sprintf("%v is also the %s port of node %s", p, wishes[i].Use, wishes[i].of.Node),
				})
				continue
			}
			wishes = append(wishes, wish{c, p})
		}
	}
	return found
}

// overlap tells whether listening on a excludes listening on b.
func overlap(a, b netip.Addr) bool {
	a, b = a.Unmap(), b.Unmap()
	return a == b || all(a) || all(b)
}

func all(a netip.Addr) bool { return !a.IsValid() || a.IsUnspecified() }
