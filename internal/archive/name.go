package archive

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	delimiter   = "__"
	stampLayout = "2006-01-02-15-04-05" // %Y-%m-%d-%H-%M-%S
	dayLayout   = "2006-01-02"
	clockLayout = "15:04:05"

	suffixKey = "log_suffix"
	copyKey   = "copy"
)

// ErrNotRotated says that a file in the queue does not have the name of a rotated
// log.
var ErrNotRotated = errors.New("not the name of a rotated log")

// A Name is the file name of a rotated log in its parts,
// <path>__<open>__<close>__[<key>=<value>[,...]__].log, as zeek-archiver reads them
// (spec zeek-launch 2.5).
type Name struct {
	// Path is the log's path in Zeek's sense, such as conn.
	Path string
	// Open and Close are the dates and times in the name, stored as if they were
	// UTC. They are local times of the host that wrote them. They are never converted
	// to UTC, because the name is ambiguous in the hour that the end of summer time
	// repeats.
	Open, Close time.Time
	// Suffix, if not empty, distinguishes the logs of one logger from those of others.
	Suffix string
	// Copy, a number from 2, distinguishes logs that would have the same name without
	// it. It is empty for the first log of a name.
	Copy string
	// Ext is the extension with its leading dot, such as .log or .log.gz.
	Ext string
}

// ParseName reads the name of a file in the queue. The only error is ErrNotRotated.
func ParseName(file string) (Name, error) {
	parts := strings.Split(file, delimiter)
	if len(parts) < 4 || strings.HasPrefix(file, ".") {
		return Name{}, ErrNotRotated
	}
	var n Name
	n.Ext, parts = last(parts)
	if len(n.Ext) < 2 || n.Ext[0] != '.' || strings.ContainsAny(n.Ext, " \t\n") {
		return Name{}, ErrNotRotated
	}
	if meta := parts[len(parts)-1]; !isStamp(meta) {
		parts = parts[:len(parts)-1]
		if !n.parseMetadata(meta) {
			return Name{}, ErrNotRotated
		}
	}
	if len(parts) < 3 {
		return Name{}, ErrNotRotated
	}
	closed, parts := last(parts)
	opened, parts := last(parts)
	var openOK, closeOK bool
	n.Open, openOK = parseStamp(opened)
	n.Close, closeOK = parseStamp(closed)
	n.Path = strings.Join(parts, delimiter)
	if !openOK || !closeOK || n.Path == "" {
		return Name{}, ErrNotRotated
	}
	return n, nil
}

// parseMetadata reads <key>=<value>[,...]. It ignores unknown keys, as
// zeek-archiver does.
func (n *Name) parseMetadata(text string) bool {
	for entry := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(entry, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if !ok || key == "" || value == "" || strings.Contains(value, "=") {
			return false
		}
		switch key {
		case suffixKey:
			n.Suffix = value
		case copyKey:
			n.Copy = value
		}
	}
	return true
}

// String returns the file name in the queue.
func (n Name) String() string {
	var meta []string
	if n.Suffix != "" {
		meta = append(meta, suffixKey+"="+n.Suffix)
	}
	if n.Copy != "" {
		meta = append(meta, copyKey+"="+n.Copy)
	}
	parts := []string{n.Path, n.Open.Format(stampLayout), n.Close.Format(stampLayout)}
	if len(meta) > 0 {
		parts = append(parts, strings.Join(meta, ","))
	}
	return strings.Join(append(parts, n.Ext), delimiter)
}

// Day returns the name of the log's directory in the archive.
func (n Name) Day() string { return n.Open.Format(dayLayout) }

// Archived returns the log's name in the directory Day. It does not add an
// extension for compression. A number from 2 distinguishes the log from others with
// the same name.
func (n Name) Archived(number int) string {
	base := fmt.Sprintf("%s.%s-%s", n.Path, n.Open.Format(clockLayout), n.Close.Format(clockLayout))
	if n.Suffix != "" {
		base += "-" + n.Suffix
	}
	if number > 1 {
		base += fmt.Sprintf(".%d", number)
	}
	return base + n.Ext
}

// zipped are the extensions of compressed files. They are not compressed again.
var zipped = []string{".gz", ".bz2", ".lz", ".lz4", ".xz", ".zst"}

// compressed reports whether the log is already compressed.
func (n Name) compressed() bool {
	return slices.ContainsFunc(zipped, func(ext string) bool { return strings.HasSuffix(n.Ext, ext) })
}

func last(parts []string) (string, []string) {
	return parts[len(parts)-1], parts[:len(parts)-1]
}

func isStamp(text string) bool {
	_, ok := parseStamp(text)
	return ok
}

// parseStamp accepts exactly one spelling of each time. time.Parse accepts more.
func parseStamp(text string) (time.Time, bool) {
	t, err := time.Parse(stampLayout, text)
	return t, err == nil && t.Format(stampLayout) == text
}

// isArchived reports whether file can be the name of an archived log:
// <path>.<HH:MM:SS>-<HH:MM:SS>, an optional suffix and an extension.
func isArchived(file string) bool {
	const times = len("00:00:00-00:00:00")
	for i := 1; i+1+times < len(file); i++ {
		if file[i] != '.' || file[0] == '.' {
			continue
		}
		from, to, ok := strings.Cut(file[i+1:i+1+times], "-")
		rest := file[i+1+times:]
		if ok && isClock(from) && isClock(to) && (rest[0] == '.' || rest[0] == '-' && strings.Contains(rest, ".")) {
			return true
		}
	}
	return false
}

func isClock(text string) bool {
	t, err := time.Parse(clockLayout, text)
	return err == nil && t.Format(clockLayout) == text
}

// isDay reports whether name is that of a directory for the logs of one day.
func isDay(name string) bool {
	t, err := time.Parse(dayLayout, name)
	return err == nil && t.Format(dayLayout) == name
}
