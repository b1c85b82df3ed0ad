package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

const (
	// savedStates is the directory that holds the state-* directories.
	savedStates = "../../testdata"
	// savedStateDir was --state-dir of the program that wrote these directories.
	savedStateDir = "/var/lib/zeekfleet-fixture/state"
)

// cmdState copies a saved state directory. Files in it hold the absolute path of
// the state directory, so cmdState replaces that path in every file.
func cmdState(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: state COMMIT/NAME")
	}
	from, to := filepath.Join(savedStates, "state-"+args[0]), ts.Getenv("ZEEK_MANAGEMENT_STATE_DIR")
	ts.Check(filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if e.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(target, filepath.Join(to, rel))
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), moved(text, to), 0o600)
	}))
}

// moved returns the content of a file of a saved state directory, with the path of
// the state directory replaced by dir.
func moved(text []byte, dir string) []byte {
	if !bytes.Contains(text, []byte(savedStateDir)) {
		return text
	}
	return resealed(bytes.ReplaceAll(text, []byte(savedStateDir), []byte(dir)))
}

// resealed returns text with a new checksum, if the file has a checksum.
func resealed(text []byte) []byte {
	at := bytes.LastIndex(text, []byte(`,"sum":"`))
	if at < 0 {
		return text
	}
	return durable.Seal(append(text[:at:at], '}'))
}

// cmdStandIn puts a process of the script into the record of a node's process.
func cmdStandIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: standin NAME VAR")
	}
	pid := running(ts, args[0]).cmd.Process.Pid
	pattern := filepath.Join(ts.Getenv("ZEEK_MANAGEMENT_STATE_DIR"), "nodes", "*", "processes", args[0]+".*.json")
	found, err := filepath.Glob(pattern)
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("records of node %s: %v", args[0], found)
	}
	text, err := os.ReadFile(found[0])
	ts.Check(err)
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	ts.Check(err)
	ticks, err := startTicks(pid)
	ts.Check(err)
	var record struct {
		PID        int    `json:"pid"`
		StartTicks uint64 `json:"start_ticks"`
		BootID     string `json:"boot_id"`
	}
	ts.Check(json.Unmarshal(text, &record))
	for was, is := range map[string]string{
		fmt.Sprintf(`"pid":%d,`, record.PID):                `"pid":` + strconv.Itoa(pid) + `,`,
		fmt.Sprintf(`"start_ticks":%d,`, record.StartTicks): `"start_ticks":` + ticks + `,`,
		fmt.Sprintf(`"boot_id":%q,`, record.BootID):         fmt.Sprintf(`"boot_id":%q,`, bytes.TrimSpace(boot)),
	} {
		if bytes.Count(text, []byte(was)) != 1 {
			ts.Fatalf("record of node %s has not one %s: %s", args[0], was, text)
		}
		text = bytes.Replace(text, []byte(was), []byte(is), 1)
	}
	ts.Check(os.WriteFile(found[0], resealed(text), 0o600))
	ts.Setenv(args[1], strconv.Itoa(pid))
}

// startTicks returns field 22 of a process's stat.
func startTicks(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name of the program stands in brackets, and holds none here
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat: %q", pid, text)
	}
	return fields[19], nil
}
