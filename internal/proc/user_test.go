package proc_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// nobody is a user without a name.
var nobody = &proc.User{UID: 54321, GID: 54322, Groups: []uint32{54323}}

func TestProgramsRunAsAUser(t *testing.T) {
	roottest.Need(t, "starts processes of another user")
	for captures, capability := range map[bool]string{false: "0000000000000000", true: "0000000000002000"} {
		f := newFleet(t, t.TempDir(), proc.Config{})
		spec := f.spec("worker-1", "")
		spec.Argv = []string{"cat", "/proc/self/status"}
		spec.User, spec.Captures = nobody, captures
		if err := os.MkdirAll(spec.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		f.start(spec)
		next[proc.Started](f)
		got := next[proc.Exited](f).Stdout
		for _, want := range []string{
			"Uid:\t54321\t54321\t54321\t54321\n", "Gid:\t54322\t54322\t54322\t54322\n", "Groups:\t54323 \n",
			"CapPrm:\t" + capability + "\n", "CapEff:\t" + capability + "\n", "CapAmb:\t" + capability + "\n",
		} {
			if !strings.Contains(got, want) {
				t.Errorf("captures %t: got\n%s\nwant %q", captures, got, want)
			}
		}
	}
}

func owners(t *testing.T, paths ...string) string {
	t.Helper()
	var all []string
	for _, path := range paths {
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		st := info.Sys().(*syscall.Stat_t)
		all = append(all, fmt.Sprintf("%d:%d", st.Uid, st.Gid))
	}
	return strings.Join(all, " ")
}

func TestADirectoryIsGivenToItsUser(t *testing.T) {
	roottest.Need(t, "gives files away")
	dir := t.TempDir()
	node, elsewhere := filepath.Join(dir, "node"), filepath.Join(dir, "elsewhere")
	for _, d := range []string{filepath.Join(node, "below"), elsewhere} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := func(path string) string {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	log, secret, shared := file(filepath.Join(node, "below/conn.log")), file(filepath.Join(elsewhere, "secret")), file(filepath.Join(elsewhere, "shared"))
	link, hard := filepath.Join(node, "link"), filepath.Join(node, "hard")
	if err := os.Symlink(secret, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(shared, hard); err != nil {
		t.Fatal(err)
	}
	if err := nobody.Own(node); err != nil {
		t.Fatal(err)
	}
	const given, kept = "54321:54322", "0:0"
	if got, want := owners(t, node, filepath.Dir(log), log, link, secret, hard, shared, elsewhere), strings.Join([]string{given, given, given, given, kept, kept, kept, kept}, " "); got != want {
		t.Errorf("owners are %s, want %s", got, want)
	}

	// What is in a directory of the user may be a trap.
	later := file(filepath.Join(node, "later"))
	if err := nobody.Own(node); err != nil || owners(t, later) != kept {
		t.Errorf("a file in a directory of the user was given away: %v, %s", err, owners(t, later))
	}
	if err := nobody.Own(link); err == nil {
		t.Error("a link was taken for a directory")
	}

	if err := nobody.Take(later); err != nil || owners(t, later) != given {
		t.Errorf("the user does not get the file: %v, %s", err, owners(t, later))
	}
	for _, trap := range []string{link, hard} {
		if err := nobody.Take(trap); err == nil || owners(t, secret, shared) != kept+" "+kept {
			t.Errorf("%s: got %v, and the owners are %s", trap, err, owners(t, secret, shared))
		}
	}
	if err := nobody.Take(filepath.Join(node, "missing")); err != nil {
		t.Error(err)
	}
}

func TestTheGroupOfAUserMayRead(t *testing.T) {
	roottest.Need(t, "gives files away")
	dir := filepath.Join(t.TempDir(), "generated")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := nobody.MayRead(dir); err != nil {
		t.Fatal(err)
	}
	var modes strings.Builder
	for _, path := range []string{dir, key} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&modes, "%o ", info.Mode().Perm())
	}
	if got := owners(t, dir, key); got != "0:54322 0:54322" || modes.String() != "750 640 " {
		t.Errorf("owners are %s, modes %s", got, modes.String())
	}
	var same *proc.User
	if err := same.MayRead("/nowhere"); err != nil || same.Own("/nowhere") != nil || same.Take("/nowhere") != nil || same.Credential() != nil {
		t.Errorf("nodes of the agent's own user: %v", err)
	}
}

// A node's user can put anything in the place of the node's output: to change somebody else's file, or
// so that the node never starts again.
func TestOutputOfANodeIsAFileOfItsOwn(t *testing.T) {
	roottest.Need(t, "gives directories away")
	for name, plant := range map[string]func(path, precious string) error{
		"another name of a file": func(path, precious string) error { return os.Link(precious, path) },
		"a link":                 func(path, precious string) error { return os.Symlink(precious, path) },
		"a pipe":                 func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
		"a directory":            func(path, _ string) error { return os.MkdirAll(path+"/below", 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, t.TempDir(), proc.Config{})
			spec := f.spec("worker-1", "")
			spec.Argv, spec.Stdout = []string{"echo", "said"}, "stdout"
			precious, out := filepath.Join(t.TempDir(), "precious"), filepath.Join(spec.Dir, "stdout")
			if err := errors.Join(
				os.MkdirAll(spec.Dir, 0o755), os.WriteFile(precious, nil, 0o600), plant(out, precious), os.Chown(spec.Dir, 54321, 54321),
			); err != nil {
				t.Fatal(err)
			}
			f.start(spec)
			next[proc.Started](f)
			next[proc.Exited](f)
			if text, err := os.ReadFile(out); string(text) != "said\n" || err != nil {
				t.Errorf("the output is %q, %v", text, err)
			}
			if text, err := os.ReadFile(precious); len(text) != 0 || err != nil {
				t.Errorf("another file has %q, %v", text, err)
			}
		})
	}
}
