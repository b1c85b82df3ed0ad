package hosts

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// program is the path of the zeekfleet binary under test.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	skip, err := roottest.Missing("makes network namespaces")
	if skip != "" {
		fmt.Println("hosts: all tests are skipped:", skip)
		return 0
	}
	if err == nil {
		err = prepare()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hosts:", err)
		return 1
	}
	defer os.RemoveAll(filepath.Dir(program))
	return m.Run()
}

// prepare checks that this machine can run the tests, removes the namespaces of
// earlier tests, and builds the program.
func prepare() error {
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("these tests need the ip command; install iproute2 (%v)", err)
	}
	if err := removeLeftovers(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "zeekfleet-hosts-")
	if err != nil {
		return err
	}
	program = filepath.Join(dir, "zeekfleet")
	build := exec.Command("go", "build", "-o", program, "github.com/zeekfleet/zeekfleet/cmd/zeekfleet")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		os.RemoveAll(dir)
		return fmt.Errorf("build the program: %w", err)
	}
	return nil
}
