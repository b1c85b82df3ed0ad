package zeek_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

func TestLacksAFPacket(t *testing.T) {
	for output, want := range map[string]bool{
		"Zeek::AF_Packet - Packet acquisition via AF_Packet (built-in)\nZeek::ARP - ARP packet analyzer (built-in)\n":       false,
		"Zeek::ARP - ARP packet analyzer (built-in)\nZeek::AF_Packet - Packet acquisition via AF_Packet (dynamic, 3.0.2)\n": false,
		"Bro::AF_Packet - Packet acquisition via AF_Packet (dynamic, version 1.3)\n":                                        false,
		"Zeek::ARP - ARP packet analyzer (built-in)\nZeek::Pcap - Packet acquisition via libpcap (built-in)\n":              true,
		"": false, // it has said nothing
		"fatal error: a plugin cannot be loaded\n": false,
	} {
		if got := zeek.LacksAFPacket(output); got != want {
			t.Errorf("%q: got %v", output, got)
		}
	}
}
