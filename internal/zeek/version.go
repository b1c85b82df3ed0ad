package zeek

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// The versions that this package knows.
var (
	oldest = Version{Major: 5}
	newest = Version{Major: 9, Minor: 99}
)

// Version is a version of Zeek. The zero Version is none.
type Version struct {
	Major, Minor, Patch int
	// Pre is the text after the numbers, such as "dev.310" or "rc1". It is empty for
	// a release.
	Pre string
}

// ParseVersion parses a version as Zeek prints it, such as "8.2.2",
// "5.0.0-rc1", "8.1.0-dev.310" or "zeek version 7.0.1-debug". It drops "-debug".
func ParseVersion(text string) (Version, error) {
	bare := strings.TrimSpace(text)
	bare = strings.TrimPrefix(bare, "zeek version ")
	bare = strings.TrimSuffix(bare, "-debug")
	numbers, pre, hasPre := strings.Cut(bare, "-")
	fields := strings.Split(numbers, ".")
	if len(fields) < 2 || len(fields) > 3 || hasPre && !isPre(pre) {
		return Version{}, fmt.Errorf("%.60q is not a version of Zeek", text)
	}
	var n [3]int
	for i, f := range fields {
		v, err := strconv.ParseUint(f, 10, 16)
		if err != nil {
			return Version{}, fmt.Errorf("%.60q is not a version of Zeek", text)
		}
		n[i] = int(v)
	}
	return Version{n[0], n[1], n[2], pre}, nil
}

// isPre tells whether text can be the rest of a version: at most 40 letters,
// digits, dots and dashes.
func isPre(text string) bool {
	return text != "" && len(text) <= 40 && !strings.ContainsFunc(text, func(r rune) bool {
		return r != '.' && r != '-' && !isAlnum(r)
	})
}

func isAlnum(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// String returns the version as Zeek prints it.
func (v Version) String() string {
	text := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Pre != "" {
		text += "-" + v.Pre
	}
	return text
}

// Compare returns -1, 0 or +1. Development versions come before release
// candidates, and these before the release.
func (v Version) Compare(o Version) int {
	stage, number := preOrder(v.Pre)
	oStage, oNumber := preOrder(o.Pre)
	return cmp.Or(
		cmp.Compare(v.Major, o.Major),
		cmp.Compare(v.Minor, o.Minor),
		cmp.Compare(v.Patch, o.Patch),
		cmp.Compare(stage, oStage),
		cmp.Compare(number, oNumber),
		cmp.Compare(v.Pre, o.Pre),
	)
}

// preOrder returns the stage of a version (0 development, 1 release candidate, 2
// release) and its number within the stage.
func preOrder(pre string) (stage, number int) {
	switch {
	case pre == "":
		return 2, 0
	case strings.HasPrefix(pre, "rc"):
		stage = 1
	}
	digits := strings.TrimLeftFunc(pre, func(r rune) bool { return r < '0' || r > '9' })
	if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		digits = digits[:end]
	}
	number, _ = strconv.Atoi(digits) // 0 if pre has no number
	return stage, number
}

// AtLeast tells whether v is major.minor or later. A development version of
// major.minor counts as major.minor, because it already has that version's scripts.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// Check returns an error for a version that is too old. It returns a warning for a
// version that is newer than this program knows; the program then treats it as the
// newest version that it knows.
func (v Version) Check() (warning string, err error) {
	switch {
	case !v.AtLeast(oldest.Major, oldest.Minor):
		return "", fmt.Errorf("zeek %s is too old: %d.%d is the oldest that is supported", v, oldest.Major, oldest.Minor)
	case v.Major > newest.Major:
		return fmt.Sprintf("zeek %s is newer than this program knows; it is treated as %d.x", v, newest.Major), nil
	}
	return "", nil
}
