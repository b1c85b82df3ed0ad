package packagetest

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// made are the directories with the files that the tests are about.
var made struct{ older, newer string }

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if os.Getuid() != 0 {
		fmt.Fprintln(os.Stderr, "packagetest: the tests need root: they install packages in a root directory of their own")
		return 1
	}
	dir, err := os.MkdirTemp("", "zeekfleet-packagetest-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "packagetest:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	made.older, made.newer = filepath.Join(dir, "older"), filepath.Join(dir, "newer")
	for _, args := range [][]string{
		{"-only", "zeekfleet", "-version", "v1.0.0", "-out", made.older},
		{"-version", "v1.0.1", "-out", made.newer},
	} {
		if err := make(args, "", nil); err != nil {
			fmt.Fprintln(os.Stderr, "packagetest:", err)
			return 1
		}
	}
	return m.Run()
}

// make runs the command for this machine's architecture. An empty root stands for these sources.
func make(args []string, root string, env []string) error {
	dir := ".."
	if root != "" {
		dir = filepath.Join(root, "tools")
	}
	cmd := exec.Command("go", append([]string{"run", "./packages", "-arch", runtime.GOARCH}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), append([]string{"CGO_ENABLED=0"}, env...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}
