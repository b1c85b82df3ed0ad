package roottest

import "testing"

func TestTestsThatNeedRootAreSkippedExceptInCI(t *testing.T) {
	for name, tt := range map[string]struct {
		uid       int
		ci        string
		skip, err string
	}{
		"root":                    {0, "", "", ""},
		"root in CI":              {0, "true", "", ""},
		"another user":            {1000, "", "needs root: mounts a disk", ""},
		"another user in CI":      {1000, "true", "", "needs root: mounts a disk; in CI the tests must run as root"},
		"another user, and no CI": {1000, "false", "needs root: mounts a disk", ""},
	} {
		skip, err := missing("mounts a disk", tt.uid, tt.ci)
		said := ""
		if err != nil {
			said = err.Error()
		}
		if skip != tt.skip || said != tt.err {
			t.Errorf("%s: skip %q, error %q; want %q and %q", name, skip, said, tt.skip, tt.err)
		}
	}
}
