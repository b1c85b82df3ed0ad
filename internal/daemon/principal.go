package daemon

import (
	"fmt"
	"net/netip"
	"os/user"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// source returns the address of a peer as a principal has it.
func source(addr netip.AddrPort) string {
	if !addr.IsValid() {
		return ""
	}
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()).String()
}

// maxCertificateName bounds the name of a certificate's user, in bytes: a certificate
// can have a name of many kilobytes, and each deployed configuration keeps the name.
// Longer names are cut.
const maxCertificateName = 255

// principalName identifies the user of a client for people, as far as nobody has given
// the client an identity. The name is the same when the client connects anew.
func principalName(from bus.Peer) string {
	switch {
	case from.Certificate != nil:
		name := certificateName(from.Certificate)
		if len(name) > maxCertificateName {
			name = strings.ToValidUTF8(name[:maxCertificateName], "") + "…"
		}
		// A certificate may be named like an account. The addition tells them apart.
		return name + " (certificate)"
	case from.Caller.Known:
		return accountName(from.Caller.UID)
	}
	return "unknown at " + from.Addr.Addr().Unmap().String()
}

// accountName returns "NAME (uid NUMBER)", or the number alone if the host does
// not know the account.
func accountName(uid uint32) string {
	name, known := account(uid)
	if !known {
		return name
	}
	return fmt.Sprintf("%s (uid %d)", name, uid)
}

// account returns the name of an account of this host, or "uid NUMBER" if the host does
// not know the account.
func account(uid uint32) (name string, known bool) {
	number := strconv.FormatUint(uint64(uid), 10)
	found, err := user.LookupId(number)
	if err != nil {
		return "uid " + number, false
	}
	return found.Username, true
}
