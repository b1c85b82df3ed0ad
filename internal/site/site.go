// Package site tells a request that a web page of another site makes a browser send from
// every other request. It reads the request's headers alone, and starts no goroutines.
package site

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Check returns an error if a web page of another site makes a browser send a request
// with this Host and this Origin. Such a request has that site as its Origin. If the name
// of that site resolves to this host, the request has the name as its Host. An empty text
// stands for a header that is absent.
//
// An IP address and localhost are always names of this host. own has the other ones. "*."
// at the beginning of a name stands for one label. The error is in printable ASCII.
func Check(host, origin string, own []string) error {
	name, _ := splitHost(host)
	if host != "" && !isOwnName(name, own) {
		return fmt.Errorf("the request is for a host named %q; allow that name with controller.host_names", printable(name))
	}
	if origin != "" && !sameSite(origin, host) {
		return fmt.Errorf("the request comes from a page of another site, %q; its Origin must be its Host, or absent", printable(origin))
	}
	return nil
}

// isOwnName reports whether name is a name or an address of this host.
func isOwnName(name string, names []string) bool {
	if _, err := netip.ParseAddr(name); err == nil || name == "localhost" {
		return true
	}
	return slices.ContainsFunc(names, func(own string) bool { return hasName(own, name) })
}

// hasName reports whether own is name. A star in own stands for the first label of
// name, as in certificates.
func hasName(own, name string) bool {
	if domain, ok := strings.CutPrefix(own, "*."); ok {
		label, rest, _ := strings.Cut(name, ".")
		return label != "" && domain != "" && strings.EqualFold(domain, rest)
	}
	return strings.EqualFold(own, name)
}

// splitHost splits a Host into name and port. The name is in lower case, without
// brackets and without a dot at the end. The port is empty if there is none.
func splitHost(host string) (name, port string) {
	name = host
	if h, p, err := net.SplitHostPort(host); err == nil && isPort(p) {
		name, port = h, p
	} else if inner, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(inner, "]") { // one bracket alone stays, and is no name
		name = strings.TrimSuffix(inner, "]")
	}
	return strings.ToLower(strings.TrimSuffix(name, ".")), port
}

// isPort reports whether text is a port, or empty.
func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil || text == ""
}

// sameSite reports whether an Origin is the site of host.
func sameSite(origin, host string) bool {
	for scheme, standard := range map[string]string{"http://": "80", "https://": "443"} {
		rest, ok := strings.CutPrefix(strings.ToLower(origin), scheme)
		if !ok {
			continue
		}
		fromName, fromPort := splitHost(rest)
		name, port := splitHost(host)
		return fromName != "" && fromName == name && orStandard(fromPort, standard) == orStandard(port, standard)
	}
	return false
}

func orStandard(port, standard string) string {
	if port == "" {
		return standard
	}
	return port
}

// printable returns the beginning of a text from outside, in printable ASCII.
func printable(text string) string {
	const most = 64 // bytes
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text[:min(len(text), most)])
}
