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
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// checkPorts tries to bind every port. It also finds ports that two nodes want, which
// binding alone would not show.
//
// A node that crashes may end between the look at its port and the look at its process.
// Such a port looks like one of a stranger, but only for a moment. So a problem counts
// if it lasts.
func checkPorts(ctx context.Context, cfg Config, checks []Check) []mgmt.Finding {
	var wanted []wantedPort
	for _, c := range checks {
		for _, p := range c.Ports {
			wanted = append(wanted, wantedPort{node: c.Node, Port: p})
		}
	}
	bad := withProblems(ctx, cfg, wanted)
	for end := time.Now().Add(cfg.PortGrace); len(bad) > 0 && time.Now().Before(end); bad = withProblems(ctx, cfg, bad) {
		select {
		case <-ctx.Done():
			end = time.Time{}
		case <-time.After(portPause):
		}
	}
	found := portClashes(checks)
	for _, p := range bad {
		for _, problem := range p.problems {
			found = append(found, mgmt.Finding{Node: p.node, Problem: problem})
		}
	}
	return found
}

// portPause is the time from one look at the ports to the next.
const portPause = 20 * time.Millisecond

// wantedPort is a port of a node, with the problems of the latest look at it.
type wantedPort struct {
	node mgmt.NodeName
	Port
	problems []string
}

// withProblems looks at the ports and returns those that have problems.
func withProblems(ctx context.Context, cfg Config, ports []wantedPort) []wantedPort {
	var bad []wantedPort
	for _, p := range ports {
		p.problems = nil
		for _, problem := range []string{strangerProblem(p.Port, strangers(p.Port, cfg)), bindProblem(ctx, cfg, p.Port)} {
			if problem != "" {
				p.problems = append(p.problems, problem)
			}
		}
		if len(p.problems) > 0 {
			bad = append(bad, p)
		}
	}
	return bad
}

// bindProblem returns why a node could not listen on the port, or "".
func bindProblem(ctx context.Context, cfg Config, p Port) string {
	err := tryBind(ctx, p)
	if err == nil {
		return ""
	}
	held := listeners(p)
	inUse := errors.Is(err, syscall.EADDRINUSE)
	if inUse && len(held) == 0 && couldBeOurs(p, sockowner.Listening(), os.Geteuid(), hides(cfg.Ours())) {
		return ""
	}
	return portProblem(p, err, held, cfg.Ours())
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
