package bundle

import (
	"bytes"
	"fmt"
	"strings"
)

// The sizes are those of POSIX's USTAR format (POSIX.1-2017, pax, "ustar Interchange
// Format").
const (
	blockSize = 512
	nameSize  = 100
	maxPrefix = 155
	maxPath   = 255
	maxTarget = 100
	maxSize   = 1<<33 - 1 // eleven octal digits
)

// The offsets of a header's fields.
const (
	atName, atMode, atUID, atGID, atSize, atTime = 0, 100, 108, 116, 124, 136
	atSum, atType, atLink, atMagic               = 148, 156, 157, 257
	atMajor, atMinor, atPrefix, atEnd            = 329, 337, 345, 500
)

const (
	typeFile = '0'
	typeLink = '2'
)

// header returns the one header that an entry can have. The entry was checked.
func header(e Entry) [blockSize]byte {
	var h [blockSize]byte
	prefix, name, _ := split(e.Path)
	copy(h[atName:], name)
	copy(h[atMode:], "000"+string(e.Mode))
	copy(h[atUID:], "0000000")
	copy(h[atGID:], "0000000")
	copy(h[atSize:], fmt.Sprintf("%011o", e.Size))
	copy(h[atTime:], "00000000000")
	h[atType] = typeFile
	if e.Mode == Link {
		h[atType] = typeLink
		copy(h[atLink:], e.Target)
	}
	copy(h[atMagic:], "ustar\x0000")
	copy(h[atMajor:], "0000000")
	copy(h[atMinor:], "0000000")
	copy(h[atPrefix:], prefix)
	copy(h[atSum:], "        ")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[atSum:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// split divides a path into the two fields of a header. A short path is all name. Otherwise
// the prefix is as long as it can be.
func split(path string) (prefix, name string, ok bool) {
	if len(path) <= nameSize {
		return "", path, true
	}
	i := strings.LastIndexByte(path[:min(len(path), maxPrefix+1)], '/')
	if i < 0 || len(path)-i-1 > nameSize {
		return "", "", false
	}
	return path[:i], path[i+1:], true
}

// parse returns the entry whose header is h. Its path and its target are still to be
// checked.
func parse(h *[blockSize]byte) (Entry, error) {
	e := Entry{Path: text(h[atName:atMode])}
	if prefix := text(h[atPrefix:atEnd]); prefix != "" {
		e.Path = prefix + "/" + e.Path
	}
	if string(h[atMagic:atMagic+8]) != "ustar\x0000" {
		return Entry{}, invalid(e.Path, "the archive has a header of another format than ours")
	}
	mode, err := octal(h[atMode:atUID])
	if err != nil {
		return Entry{}, invalid(e.Path, "its mode is malformed")
	}
	if e.Size, err = octal(h[atSize:atTime]); err != nil {
		return Entry{}, invalid(e.Path, "its size is malformed")
	}
	switch kind := h[atType]; {
	case kind == typeLink && mode == 0o777 && e.Size == 0:
		e.Mode, e.Target = Link, text(h[atLink:atMagic])
	case kind == typeFile && mode == 0o644:
		e.Mode = Plain
	case kind == typeFile && mode == 0o755:
		e.Mode = Executable
	case kind == typeFile || kind == typeLink:
		return Entry{}, invalid(e.Path, "it has mode %04o; files have 0644 or 0755, and links have 0777 and no content", mode)
	default:
		return Entry{}, invalid(e.Path, "it is neither a regular file nor a symbolic link (type %q)", rune(kind))
	}
	return e, nil
}

// text returns a field up to its first NUL.
func text(field []byte) string {
	before, _, _ := bytes.Cut(field, []byte{0})
	return string(before)
}

// octal reads a field of octal digits that ends with a NUL.
func octal(field []byte) (int64, error) {
	var n int64
	for _, b := range field[:len(field)-1] {
		if b < '0' || '7' < b {
			return 0, fmt.Errorf("%q is no octal number", field)
		}
		n = n<<3 | int64(b-'0')
	}
	return n, nil
}
