//go:build !noetcd

package app

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// announced is what a controller says of itself to the others.
type announced struct {
	Name string
	// Program is its version. It is empty until it was started for the first time.
	Program string
	// Clients and Agents are where it serves them, as host:port.
	Clients, Agents []string
	// Hosts are the names and addresses in its certificate.
	Hosts []string
	// Peer is the URL of its store. It is empty if the site runs the store.
	Peer string
	// StoreKey is the fingerprint of the key that its store shows. It is empty if the site runs
	// the store.
	StoreKey string
	// Unread is set if this program cannot read what the controller says: it is newer, for
	// instance. Nothing but the name is known then.
	Unread error
}

// announced1 is form 1 of an announcement.
type announced1 struct {
	Version int      `json:"version"`
	Name    string   `json:"name"`
	Program string   `json:"program"`
	Clients []string `json:"clients"`
	Agents  []string `json:"agents"`
	Hosts   []string `json:"hosts"`
	Peer    string   `json:"peer"`
	// StoreKey is absent if the site runs the store.
	StoreKey string `json:"store_key,omitempty"`
}

func (a announced) encode() []byte {
	return form.Encode(announced1{
		Version: 1, Name: a.Name, Program: a.Program, Clients: orEmpty(a.Clients), Agents: orEmpty(a.Agents), Hosts: orEmpty(a.Hosts), Peer: a.Peer, StoreKey: a.StoreKey,
	})
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func decodeAnnounced(name string, text []byte) (announced, error) {
	var f announced1
	_, err := form.Version(text, 1)
	if err == nil {
		err = form.Decode(text, &f)
	}
	if err == nil && f.Name != name {
		err = fmt.Errorf("it is that of %q", f.Name)
	}
	if err != nil {
		return announced{}, fmt.Errorf("what controller %s says of itself: %w", name, err)
	}
	return announced{Name: f.Name, Program: f.Program, Clients: f.Clients, Agents: f.Agents, Hosts: f.Hosts, Peer: f.Peer, StoreKey: f.StoreKey}, nil
}

// announcements reads what all controllers say of themselves. Who cannot be read belongs to the
// cluster all the same.
func announcements(texts map[string][]byte) (list []announced) {
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		a, err := decodeAnnounced(name, texts[name])
		if err != nil {
			a = announced{Name: name, Unread: err}
		}
		list = append(list, a)
	}
	return list
}

// announces returns what a controller says of itself. Its ports must be open.
func announces(set settings.Controller, c *Controller, version, peer, storeKey string) announced {
	host := advertised(set)
	return announced{
		Name: set.Name, Program: version, Hosts: certifiedHosts(set), Peer: peer, StoreKey: storeKey,
		Clients: []string{hostPort(host, c.WebSocket)}, Agents: []string{hostPort(host, c.Broker)},
	}
}

// announcedBefore is announces for a controller whose ports are not open yet.
func announcedBefore(set settings.Controller) announced {
	host := advertised(set)
	at := func(l settings.Listen) []string {
		if l.Off || l.Port == 0 {
			return nil
		}
		return []string{net.JoinHostPort(host, strconv.Itoa(int(l.Port)))}
	}
	return announced{Name: set.Name, Hosts: certifiedHosts(set), Peer: peerURL(set), Clients: at(set.WebSocket), Agents: at(set.Broker)}
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func hostPort(host string, ln net.Listener) string {
	return net.JoinHostPort(host, strconv.Itoa(int(netip.MustParseAddrPort(ln.Addr().String()).Port())))
}

// advertised returns the host at which others reach a controller: that of the settings, or
// the address where it listens, or the first one of its host.
func advertised(set settings.Controller) string {
	switch addr := set.Broker.Addr.Unmap(); {
	case set.Cluster.Advertise != "":
		return set.Cluster.Advertise
	case addr.IsValid() && !addr.IsUnspecified():
		return addr.String()
	}
	for _, addr := range hostAddrs() {
		if !addr.IsLoopback() && !addr.IsLinkLocalUnicast() {
			return addr.String()
		}
	}
	return "127.0.0.1"
}

// peerURL is where the others reach the store of a controller.
func peerURL(set settings.Controller) string {
	return "https://" + net.JoinHostPort(advertised(set), strconv.Itoa(int(set.Cluster.Peer.Port)))
}

// peerListen is where the store of a controller listens.
func peerListen(set settings.Controller) string {
	addr := set.Cluster.Peer.Addr
	if !addr.IsValid() {
		addr = set.Broker.Addr
	}
	return "https://" + netip.AddrPortFrom(addr, set.Cluster.Peer.Port).String()
}

// watchAnnounced calls seen with what all controllers say of themselves, now and after each
// change, until ctx is done.
func (m *Clustered) watchAnnounced(ctx context.Context, seen func([]announced)) error {
	return m.engine.WatchAnnounced(ctx, func(texts map[string][]byte) {
		m.stores.know(texts)
		list := announcements(texts)
		for _, a := range list {
			if a.Unread != nil {
				m.log.Warn("another controller is known by its name alone", "controller", a.Name, "err", a.Unread)
			}
		}
		seen(list)
	})
}
