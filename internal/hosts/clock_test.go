package hosts

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// clocks says that the clocks of controllers are shifted as well. It is no part of the usual
// tests, because it builds all packages again, with another runtime:
// go test ./internal/hosts -run ControllersSurvive -timeout 30m -args -clock
var clocks = flag.Bool("clock", false, "shift the clocks of controllers, too (builds everything again)")

// clockFile has a sign and a digit: by how many hours the clock of a host is shifted. Its path is
// relative to the home directory, in which a host's programs run.
const clockFile = "clock"

// shiftedNow is the file timeasm.go of the runtime. It reads the clock file at most each 10 ms.
// The monotonic clock is as it is.
const shiftedNow = `//go:build !faketime && linux && amd64

package runtime

import "unsafe"

func unshiftedNow() (sec int64, nsec int32, mono int64)

var clockName = [...]byte{'c', 'l', 'o', 'c', 'k', 0}

var clockShift, clockRead int64

var clockText [2]byte

//go:linkname time_now time.now
func time_now() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = unshiftedNow()
	if mono-clockRead > 10_000_000 {
		clockRead = mono
		clockShift = 0
		if fd := open(&clockName[0], 0, 0); fd >= 0 {
			if read(fd, unsafe.Pointer(&clockText[0]), 2) == 2 {
				clockShift = int64(clockText[1]-'0') * 3600
				if clockText[0] == '-' {
					clockShift = -clockShift
				}
			}
			closefd(fd)
		}
	}
	return sec + clockShift, nsec, mono
}
`

// buildShifted builds the program whose clock can be shifted, once.
var buildShifted = sync.OnceValues(func() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	runtime := filepath.Join(strings.TrimSpace(string(root)), "src/runtime")
	dir := filepath.Dir(program)
	const assembly, symbol = "time_linux_amd64.s", "TEXT time·now<ABIInternal>(SB)"
	text, err := os.ReadFile(filepath.Join(runtime, assembly))
	if err != nil {
		return "", err
	}
	if !strings.Contains(string(text), symbol) {
		return "", fmt.Errorf("the runtime of this Go has no %s in %s: shift its clock in another way", symbol, assembly)
	}
	files := map[string]string{
		"timeasm.go": shiftedNow,
		assembly:     strings.Replace(string(text), symbol, "TEXT ·unshiftedNow<ABIInternal>(SB)", 1),
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(runtime, name)] = path
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		return "", err
	}
	listed := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(listed, list, 0o600); err != nil {
		return "", err
	}
	shifted := filepath.Join(dir, "zeekfleet-shifted")
	build := exec.Command("go", "build", "-overlay", listed, "-o", shifted, "github.com/zeekfleet/zeekfleet/cmd/zeekfleet")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program with another clock: %w: %s", err, out)
	}
	return shifted, nil
})

// useClock gives the daemon of a host a clock that can be shifted, if the flag says so.
func (h *host) useClock() {
	h.t.Helper()
	if !*clocks {
		return
	}
	var err error
	if h.program, err = buildShifted(); err != nil {
		h.t.Fatal(err)
	}
}

// shiftingClock shifts the clock of a controller by some hours, such as "+1".
func shiftingClock(hours string) func(*trio, string) func() {
	return func(f *trio, victim string) func() {
		path := filepath.Join(f.hosts[victim].home, clockFile)
		if err := os.WriteFile(path, []byte(hours), 0o600); err != nil {
			f.t.Fatal(err)
		}
		return func() {
			if err := os.Remove(path); err != nil {
				f.t.Fatal(err)
			}
		}
	}
}
