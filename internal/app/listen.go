package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// Listen binds a TCP listener to addr ("host:port"). option names the setting that
// chooses another port. If the port is in use, the error names option, and the program
// that uses the port if that program can be seen.
func Listen(ctx context.Context, addr, option string) (net.Listener, error) {
	network := "tcp"
	if ap, err := netip.ParseAddrPort(addr); err == nil && ap.Addr().Is4() {
		network = "tcp4" // 0.0.0.0 does not mean every IPv6 address, too
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, network, addr)
	switch {
	case err == nil:
		return ln, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use%s; choose another with %s", addr, ownerClause(addr), option)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		host, _, _ := net.SplitHostPort(addr) // Listen has parsed it above
		return nil, fmt.Errorf("%s is not an address of this host; choose another to listen on", host)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("no permission to listen on %s; choose a port above 1023 with %s", addr, option)
	}
	return nil, fmt.Errorf("listen on %s (%s): %w", addr, option, err)
}

// listenHereToo listens at an address of a controller. If the controller has an authority
// of its own, and if others can reach the address, it listens on 127.0.0.1 as well: so the
// programs of this host need not know the address.
func listenHereToo(ctx context.Context, set settings.Controller, at settings.Listen, option string) (net.Listener, error) {
	ln, err := Listen(ctx, at.AddrPort().String(), option)
	if err != nil || !set.OwnAuthority() || at.Addr.IsLoopback() || at.Addr.IsUnspecified() {
		return ln, err
	}
	port := netip.MustParseAddrPort(ln.Addr().String()).Port()
	here := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
	too, err := Listen(ctx, here.String(), option)
	if err != nil {
		ln.Close()
		return nil, err
	}
	return bus.Merged(ln, too), nil
}

func ownerClause(addr string) string {
	at, err := netip.ParseAddrPort(addr)
	if err != nil {
		return ""
	}
	if held := preflight.Listeners(at.Addr(), at.Port()); len(held) > 0 {
		return " by " + held[0].String()
	}
	return ""
}
