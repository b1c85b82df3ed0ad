package archive

import (
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// Zone returns the time zone that the C library uses for the value tz of the
// variable TZ. tz names a file of the zone database or is a rule, such as
// CET-1CEST,M3.5.0,M10.5.0/3; Go's time package reads such a rule as UTC. If tz is
// neither, Zone returns UTC, as the C library does, and an error.
func Zone(tz string) (*time.Location, error) {
	name := strings.TrimPrefix(tz, ":")
	if name == "" {
		return time.UTC, nil
	}
	if filepath.IsAbs(name) {
		if text, err := readZone(name); err == nil {
			if loc, err := time.LoadLocationFromTZData(name, text); err == nil {
				return loc, nil
			}
		}
	} else if loc, err := time.LoadLocation(name); err == nil && name != "Local" {
		return loc, nil
	}
	if loc, ok := zoneOfRule(name); ok {
		return loc, nil
	}
	return time.UTC, fmt.Errorf("time zone %q is not known and counts as UTC", tz)
}

// maxZone bounds a file of the zone database, in bytes. The largest files have some
// thousands.
const maxZone = 1 << 20

// readZone reads the first maxZone bytes of a file of the zone database. Clients
// choose the path, so it can lead to any file. It may be a link, as /etc/localtime
// is.
func readZone(path string) ([]byte, error) {
	f, err := durable.OpenLinked(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxZone))
}

// zoneOfRule makes the standard library read a rule. The library reads rules only
// at the end of a file of the zone database, where they hold after the last
// transition (RFC 9636 section 3.3). So zoneOfRule makes such a file with one
// transition in the distant past.
func zoneOfRule(rule string) (*time.Location, bool) {
	if strings.ContainsAny(rule, "\n\x00") {
		return nil, false
	}
	// If the rule is not valid, the file's own zone remains in force. So the rule is
	// valid if two files with different zones lead to the same offset.
	ofFile := func(offset int32) (*time.Location, error) {
		return time.LoadLocationFromTZData(rule, zoneFile(rule, offset))
	}
	one, err := ofFile(11)
	if err != nil {
		return nil, false
	}
	other, err := ofFile(22)
	if err != nil {
		return nil, false
	}
	at := time.Unix(1_000_000_000, 0)
	_, a := at.In(one).Zone()
	_, b := at.In(other).Zone()
	return one, a == b
}

// zoneFile returns a file of the zone database with one zone, offset seconds east of
// UTC, and a rule.
func zoneFile(rule string, offset int32) []byte {
	header := func(version byte, transitions uint32) []byte {
		b := append([]byte("TZif"), version)
		b = append(b, make([]byte, 15)...)
		for _, n := range []uint32{0, 0, 0, transitions, 1, 4} { // …, zones, bytes of names
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return b
	}
	zone := append(binary.BigEndian.AppendUint32(nil, uint32(offset)), 0, 0) // no summer time; the first name
	names := []byte("OLD\x00")
	file := append(header('2', 0), zone...)
	file = append(file, names...)
	file = append(file, header('2', 1)...)
	file = binary.BigEndian.AppendUint64(file, uint64(1)<<63>>4|uint64(0xF)<<60) // long before any log
	file = append(file, 0)                                                       // the transition leads to the zone
	file = append(file, zone...)
	file = append(file, names...)
	return append(file, "\n"+rule+"\n"...)
}
