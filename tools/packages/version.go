package main

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var (
	// tagged is what git says of a commit of a version, or of one after it.
	tagged = regexp.MustCompile(`^v?(\d+(?:\.\d+)*)(?:-(\d+)-g([0-9a-f]+))?(-dirty)?$`)
	// untagged is what git says of a commit if there is no version before it.
	untagged = regexp.MustCompile(`^([0-9a-f]{4,40})(-dirty)?$`)
)

// packageVersion returns the version of packages for what git says of a commit. Later commits have
// higher versions, for dpkg as for rpm. Neither allows all characters that git writes.
func packageVersion(described string, at time.Time) (string, error) {
	if m := tagged.FindStringSubmatch(described); m != nil && (len(m[1]) < 7 || m[2] != "") {
		version := m[1]
		if m[2] != "" {
			version += "+" + m[2] + ".g" + m[3]
		}
		return version + dirt(m[4]), nil
	}
	if m := untagged.FindStringSubmatch(described); m != nil {
		return "0~" + at.UTC().Format("20060102150405") + ".g" + m[1] + dirt(m[2]), nil
	}
	return "", fmt.Errorf("version %q: neither a version such as v1.2.3 nor a commit", described)
}

func dirt(mark string) string {
	if mark != "" {
		return "+dirty"
	}
	return ""
}

// parseTime reads seconds since 1970.
func parseTime(text string) (time.Time, error) {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, fmt.Errorf("time %q: not the seconds since 1970", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
