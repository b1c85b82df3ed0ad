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

// ErrNotRotated says that a name in the queue is not that of a rotated log.
var ErrNotRotated = errors.New("not the name of a rotated log")

// A Name is what the file name of a rotated log says:
// <path>__<open>__<close>__[<key>=<value>[,...]__].log, as zeek-archiver reads it
// (spec zeek-launch 2.5).
type Name struct {
	// Path is the log's path in Zeek's sense, such as conn.
	Path string
	// Open and Close have the digits of the name as a time in UTC. They are local
	// times of the host that wrote them, and are never converted: one in the hour
	// that a change of the clocks repeats could not be.
	Open, Close time.Time
	// Suffix, if not empty, sets the logs of one logger apart from those of others.
	Suffix string
	// Copy, from 2, tells logs apart that would otherwise have one name.
	// Otherwise it is empty.
	Copy string
	// Ext is the extension with its leading dot, such as .log or .log.gz.
	Ext string
}

// ParseName reads the name of a file in the queue. Its error is ErrNotRotated.
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

// parseMetadata reads <key>=<value>[,...]. Keys that nobody knows mean nothing,
// as with zeek-archiver.
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

// String returns the name in the queue.
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

// Day returns the directory of the log in the archive.
func (n Name) Day() string { return n.Open.Format(dayLayout) }

// Archived returns the log's name in that directory, without an extension for
// compression that it does not have yet. A number from 2 tells it from others
// with the same name.
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

// zipped are the extensions of files that are not to be compressed again.
var zipped = []string{".gz", ".bz2", ".lz", ".lz4", ".xz", ".zst"}

// compressed reports whether the log already is.
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

// parseStamp takes one spelling of each time only; time.Parse takes more.
func parseStamp(text string) (time.Time, bool) {
	t, err := time.Parse(stampLayout, text)
	return t, err == nil && t.Format(stampLayout) == text
}

// isArchived reports whether file could be the name of an archived log:
// <path>.<HH:MM:SS>-<HH:MM:SS>, followed by what else there may be and an extension.
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

// isDay reports whether a directory of the archive holds the logs of a day.
func isDay(name string) bool {
	t, err := time.Parse(dayLayout, name)
	return err == nil && t.Format(dayLayout) == name
}
