package zeek

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// quote returns a string literal that Zeek reads as exactly the bytes of text. It
// writes a byte that is not printable ASCII as \xHH, which has always two digits,
// and puts a backslash before a quote or a backslash.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// addrLiteral returns an address as a Zeek constant: IPv6 in brackets, no zone.
func addrLiteral(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// portLiteral returns a port as a Zeek constant. A port that is not TCP becomes the
// constant for "no port".
func portLiteral(p mgmt.Port) string {
	if listeningPort(p) == 0 {
		return mgmt.NoPort.String()
	}
	return p.String()
}

// boolLiteral returns T or F.
func boolLiteral(b bool) string {
	if b {
		return "T"
	}
	return "F"
}
