package zeekctl

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
)

// readNetworks reads networks.cfg: lines with a network, and a tag behind blanks.
func (s *Site) readNetworks() error {
	line := 0
	seen := map[netip.Prefix]int{}
	for text := range strings.Lines(lines(s.Files.Networks.Text)) {
		line++
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		fields := strings.Fields(text)
		tag := strings.TrimSpace(strings.TrimPrefix(text, fields[0]))
		prefix, err := netip.ParsePrefix(fields[0])
		if err != nil {
			return &ini.Error{File: s.Files.Networks.Name, Line: line, Text: fmt.Sprintf("%s is not a network such as 192.168.0.0/16", quoted(fields[0]))}
		}
		if masked := prefix.Masked(); masked != prefix {
			s.note(s.Files.Networks.Name, line, "%v is an address in the network %v, which is imported", prefix, masked)
			prefix = masked
		}
		if first := seen[prefix]; first > 0 {
			s.note(s.Files.Networks.Name, line, "%v is there already on line %d", prefix, first)
			continue
		}
		seen[prefix] = line
		s.Networks = append(s.Networks, Network{prefix, tag, line})
	}
	return nil
}
