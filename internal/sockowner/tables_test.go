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
		"   1: " + v4 + ":0867 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 101 1\n" +
		"   2: " + v6 + ":0868 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1\n" +
		"   3: nonsense 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 103 1\n" +
		"   4: short\n" +
		"   5: " + v4 + ":0869 00000000:0000 0A 00000000:00000000 00:00000000 00000000  nobody        0 104 1\n"
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
