// Package roottest is for tests that need root. They are skipped where the tests
// run as another user, and fail there if that is in CI, where every test must run.
package roottest

import (
	"fmt"
	"os"
	"testing"
)

// Need skips the test, or fails it in CI, unless it runs as root. why says what the
// test does that takes root, such as "mounts a disk".
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

// Missing returns why tests are to be skipped that need root, or why they fail.
// Neither is there for root.
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
