package sockowner

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestListening(t *testing.T) {
	v4, v6 := "0100007F", "00000000000000000000000001000000" // on a little-endian host
	if parsed, ok := parseAddrPort(v4 + ":0866"); !ok || parsed.Addr() != netip.MustParseAddr("127.0.0.1") {
		v4, v6 = "7F000001", "00000000000000000000000000000001"
	}
	table := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: " + v4 + ":0866 00000000:0000 0A 00000000:00000000 00:00000000 00000000     7        0 100 1\n" +
		"   1: " + v4 + ":0867 00000000:0000 03 00000000:00000000 00:00000000 00000000     0        0 101 1\n" +
		"   2: " + v6 + ":0868 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1\n" +
		"   3: nonsense 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 103 1\n" +
		"   4: short\n" +
		"   5: " + v4 + ":0869 00000000:0000 0A 00000000:00000000 00:00000000 00000000  nobody        0 104 1\n" +
		"   6: " + v4 + ":086A 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 105 1\n" +
		"   7: " + v4 + ":086B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 106 1\n" // no kernel lists it here
	type at struct {
		addr string
		Owner
	}
	var got []at
	for _, s := range listening(strings.NewReader(table)) {
		got = append(got, at{s.At.String(), s.Owner})
	}
	if want := []at{{"127.0.0.1:2150", Owner{7, 100}}, {"[::1]:2152", Owner{0, 102}}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestConnectedWith(t *testing.T) {
	at := netip.MustParseAddrPort("127.0.0.1:2150")
	hex := func(a string) string { // an address in this host's byte order
		if parsed, ok := parseAddrPort("0100007F:0001"); ok && parsed.Addr() == netip.MustParseAddr("127.0.0.1") {
			return a
		}
		return a[6:8] + a[4:6] + a[2:4] + a[0:2]
	}
	row := func(local, remote, state, inode string) string {
		return "   0: " + local + " " + remote + " " + state + " 00000000:00000000 00:00000000 00000000     7        0 " + inode + " 1\n"
	}
	proxy, client, elsewhere := hex("0100007F")+":0866", hex("0100007F")+":C001", hex("0200007F")+":0866"
	table := row(proxy, "00000000:0000", "0A", "100") + // listens
		row(proxy, client, "01", "101") + // the server's end
		row(client, proxy, "01", "102") + // the client's end
		row(client, elsewhere, "01", "103") +
		row(client, proxy, "02", "104") + // is not connected yet
		row(client, proxy, "06", "0") // nobody has it any longer
	var got []uint64
	for _, s := range connectedWith(strings.NewReader(table), at) {
		got = append(got, s.Inode)
	}
	if want := []uint64{102}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got = nil
	for _, s := range connectedWith(strings.NewReader(table), netip.AddrPortFrom(netip.IPv4Unspecified(), 2150)) {
		got = append(got, s.Inode)
	}
	if want := []uint64{102, 103}; !slices.Equal(got, want) {
		t.Errorf("with all addresses: got %v, want %v", got, want)
	}
}
