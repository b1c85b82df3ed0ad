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

// Zone returns the time zone that the C library makes of the variable TZ, which
// names a file of the zone database or is a rule by itself, such as
// CET-1CEST,M3.5.0,M10.5.0/3. Go's own reading of TZ takes such rules for UTC.
// The error says that tz is neither; the C library then uses UTC, and so does
// the Location.
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

// maxZone bounds a file of the zone database, in bytes; the largest have some
// thousands.
const maxZone = 1 << 20

// readZone reads such a file. Clients name it, and so it may be anything; a link,
// as /etc/localtime is, leads to one. Only its first bytes matter.
func readZone(path string) ([]byte, error) {
	f, err := durable.OpenLinked(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxZone))
}

// zoneOfRule has the standard library read a rule where it stands in a file of the
// zone database: behind the data, for all time after the last transition (RFC
// 9636 section 3.3). There is one such transition here, in the distant past.
func zoneOfRule(rule string) (*time.Location, bool) {
	if strings.ContainsAny(rule, "\n\x00") {
		return nil, false
	}
	// A rule that is none leaves the zone below in force. Of two such zones with
	// different offsets a true rule makes the same.
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

// zoneFile is a file of the zone database with one zone, of that many seconds
// east of UTC, and a rule.
func zoneFile(rule string, offset int32) []byte {
	header := func(version byte, transitions uint32) []byte {
		b := append([]byte("TZif"), version)
		b = append(b, make([]byte, 15)...)
		for _, n := range []uint32{0, 0, 0, transitions, 1, 4} { // …, zones, bytes of names
			b = binary.BigEndian.AppendUint32(b, n)
		}
		return b
	}
	zone := append(binary.BigEndian.AppendUint32(nil, uint32(offset)), 0, 0) // no summer time; its name is the first
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
