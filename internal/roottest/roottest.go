// Package roottest is for tests that need root. As another user such a test is
// skipped; in CI (CI=true) it fails, because every test must run there.
package roottest

import (
	"fmt"
	"os"
	"testing"
)

// Need skips the test, or fails it in CI, unless it runs as root. why is the reason
// for root, such as "mounts a disk".
func Need(t testing.TB, why string) {
	t.Helper()
	skip, err := Missing(why)
	if err != nil {
		t.Fatal(err)
	}
	if skip != "" {
		t.Skip(skip)
	}
}

// Missing returns the reason to skip tests that need root, or the error to fail
// them with. For root both are empty.
func Missing(why string) (skip string, err error) {
	return missing(why, os.Geteuid(), os.Getenv("CI"))
}

func missing(why string, uid int, ci string) (skip string, err error) {
	switch {
	case uid == 0:
		return "", nil
	case ci == "true":
		return "", fmt.Errorf("needs root: %s; in CI the tests must run as root", why)
	}
	return "needs root: " + why, nil
}
