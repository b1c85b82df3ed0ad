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

// checkPorts tries to bind every port. It also finds ports that two nodes want, which
// binding alone would not show.
func checkPorts(ctx context.Context, cfg Config, checks []Check) []mgmt.Finding {
	found := portClashes(checks)
	for _, c := range checks {
		for _, p := range c.Ports {
			if problem := strangerProblem(p, strangers(p, cfg)); problem != "" {
				found = append(found, mgmt.Finding{Node: c.Node, Problem: problem})
			}
			err := tryBind(ctx, p)
			if err == nil {
				continue
			}
			held := listeners(p)
			inUse := errors.Is(err, syscall.EADDRINUSE)
			if inUse && len(held) == 0 && couldBeOurs(p, sockowner.Listening(), os.Geteuid(), hides(cfg.Ours())) {
				continue
			}
			if problem := portProblem(p, err, held, cfg.Ours()); problem != "" {
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

// portProblem returns the problem of a port that could not be bound because of err.
// held are the processes that listen on it. It returns "" if only processes of ours
// hold the port.
func portProblem(p Port, err error, held []holder, ours []int) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		i := slices.IndexFunc(held, func(h holder) bool { return !h.isOf(ours) })
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
		return fmt.Sprintf("%v cannot be bound: ports below 1024 need permission", p)
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
	type claim struct {
		of Check
		Port
	}
	var claims []claim
	var found []mgmt.Finding
	for _, c := range checks {
		for _, p := range c.Ports {
			i := slices.IndexFunc(claims, func(c claim) bool { return c.Number == p.Number && overlap(c.Addr, p.Addr) })
			if i >= 0 {
				found = append(found, mgmt.Finding{
					Node:    c.Node,
					Problem: fmt.Sprintf("%v is also the %s port of node %s", p, claims[i].Use, claims[i].of.Node),
				})
				continue
			}
			claims = append(claims, claim{c, p})
		}
	}
	return found
}

// overlap tells whether a socket that listens on a prevents another one from
// listening on b, at the same port.
func overlap(a, b netip.Addr) bool {
	a, b = a.Unmap(), b.Unmap()
	return a == b || all(a) || all(b)
}

// all tells whether listening on a means all addresses.
func all(a netip.Addr) bool { return !a.IsValid() || a.IsUnspecified() }
