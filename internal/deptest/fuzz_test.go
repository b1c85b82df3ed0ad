package deptest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fakeGo stands for the go command. In place of a test binary it builds a script
// that prints $FUZZ_SAYS, and fails unless that is empty.
const fakeGo = `#!/bin/sh
case $1 in
list) echo example/fuzzed; exit ;;
env) echo "$TMPDIR"; exit ;;
esac
while [ "$1" != -o ]; do shift; done
cat >"$2" <<'END'
#!/bin/sh
echo "ran $*"
[ -z "$FUZZ_SAYS" ] || { echo "$FUZZ_SAYS"; exit 1; }
END
chmod +x "$2"
`

// runFuzz runs scripts/fuzz in a module with one fuzzer.
func runFuzz(t *testing.T, amount, says string) (output string, ok bool) {
	t.Helper()
	dir := t.TempDir()
	script, err := os.ReadFile("../../scripts/fuzz")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"scripts/fuzz":     string(script),
		"bin/go":           fakeGo,
		"pkg/fuzz_test.go": "package pkg\n\nfunc FuzzIt(f *testing.F) {}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("git init: %v: %s", err, out)
	}
	cmd := exec.Command(filepath.Join(dir, "scripts", "fuzz"), amount)
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "TMPDIR="+t.TempDir(), "FUZZ_SAYS="+says)
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func TestFuzzSmokeCountsInputs(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	amount := regexp.MustCompile(`(?m)^FUZZ\s*\?= (\S+)$`).FindSubmatch(makefile)
	if amount == nil || !regexp.MustCompile(`^[0-9]+x$`).Match(amount[1]) {
		t.Fatalf("the Makefile's FUZZ is %q, want a number of inputs", amount)
	}
	out, ok := runFuzz(t, string(amount[1]), "")
	if !ok || !strings.Contains(out, "-test.fuzztime "+string(amount[1])) || !strings.Contains(out, "-test.fuzz ^FuzzIt$") {
		t.Errorf("fuzz: ok %v, output:\n%s", ok, out)
	}
}

func TestFuzzingFailsOnlyIfAnInputFails(t *testing.T) {
	for name, tt := range map[string]struct {
		says string
		want bool
	}{
		"the time is over while workers are busy": {"--- FAIL: FuzzIt (60.09s)\n    context deadline exceeded", true},
		"a failing input":                         {"    Failing input written to testdata/fuzz/FuzzIt/1\n    context deadline exceeded", false},
		"a panic":                                 {"panic: context deadline exceeded", false},
		"another failure":                         {"--- FAIL: FuzzIt (0.00s)", false},
	} {
		t.Run(name, func(t *testing.T) {
			if out, ok := runFuzz(t, "60s", tt.says); ok != tt.want {
				t.Errorf("fuzz passes: %v, want %v; it says:\n%s", ok, tt.want, out)
			}
		})
	}
}
