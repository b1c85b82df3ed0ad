package proc_test

import (
	"bufio"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// startManager starts a process whose Host starts n sleepers. The scanner reads their
// PIDs.
func startManager(t *testing.T, f *fleet, n int, mark string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", filepath.Join(f.dir, "records"), strconv.Itoa(n), f.dir)
	cmd.Env = append(os.Environ(), roleEnv+"=manager", reportEnv+"="+f.pipe, markEnv+"="+mark)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

func (f *fleet) adopt() proc.Adoption {
	f.t.Helper()
	a, err := f.Adopt(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	if len(a.Problems) > 0 {
		f.t.Fatalf("problems: %v", a.Problems)
	}
	return a
}

func TestProcessSurvivesItsManagerAndIsAdopted(t *testing.T) {
	f := openFleet(t, t.TempDir(), proc.Config{})
	cmd, pids := startManager(t, f, 1, os.Getenv(markEnv))
	pids.Scan()
	pid, err := strconv.Atoi(pids.Text())
	if err != nil {
		t.Fatal(err)
	}
	f.hear("ready")
	cmd.Process.Kill()
	cmd.Wait()

	a := f.adopt()
	f.run()
	if len(a.Running) != 1 || a.Running[0].PID != pid || a.Running[0].Name != "node-0" || a.Running[0].Launch != 1 {
		t.Fatalf("Adopt: got %+v, want node-0 with PID %d", a, pid)
	}
	if len(a.Ended) > 0 {
		t.Errorf("ended: got %+v, want none", a.Ended)
	}
	if err := f.Start(f.spec("node-0", "sleeper")); err == nil {
		t.Error("Start beside the adopted process: got no error")
	}
	if err := f.Stop("node-0", 1, time.Hour); err != nil {
		t.Fatal(err)
	}
	got := next[proc.Exited](f)
	if got.PID != pid || got.Status != (proc.Status{}) || got.Ran <= 0 {
		t.Errorf("got %+v, want PID %d with unknown status", got, pid)
	}
	f.forget("node-0", 1)
	if left := f.settle(); len(left) > 0 {
		t.Errorf("records left: %v", left)
	}
}

func TestProcessThatEndedUnwatchedIsReported(t *testing.T) {
	f := openFleet(t, t.TempDir(), proc.Config{})
	cmd, pids := startManager(t, f, 1, os.Getenv(markEnv))
	pids.Scan()
	pid, err := strconv.Atoi(pids.Text())
	if err != nil {
		t.Fatal(err)
	}
	f.hear("ready")
	cmd.Process.Kill()
	cmd.Wait()
	stdout := filepath.Join(f.dir, "node-0", "stdout")
	if err := os.WriteFile(stdout, []byte("last words\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	process.Kill()
	if !endsWithin(pid, patience) {
		t.Fatal("the process did not end")
	}

	a := f.adopt()
	if len(a.Running) > 0 || len(a.Ended) != 1 {
		t.Fatalf("Adopt: got %+v, want one that ended", a)
	}
	if got := a.Ended[0]; got.PID != pid || got.Status.Known || got.Stdout != "last words" {
		t.Errorf("got %+v, want PID %d, the output, and unknown status", got, pid)
	}
	f.forget("node-0", 1)
	if left := f.records(); len(left) > 0 {
		t.Errorf("records left: %v", left)
	}
}

// The test kills a manager at random moments while it starts nodes. Every process
// that outlives the manager must be adopted.
func TestEveryProcessHasARecord(t *testing.T) {
	const rounds, nodes = 10, 4
	adopted := 0
	for round := range rounds {
		f := openFleet(t, t.TempDir(), proc.Config{})
		mark := os.Getenv(markEnv) + "-" + strconv.Itoa(round)
		cmd, pids := startManager(t, f, nodes, mark)
		for n := 0; n < round%nodes && pids.Scan(); n++ {
		}
		timer := time.AfterFunc(time.Duration(rand.IntN(5000))*time.Microsecond, func() { cmd.Process.Kill() })
		for pids.Scan() {
		}
		timer.Stop()
		cmd.Process.Kill() // if the timer was late
		cmd.Wait()

		known := map[int]bool{}
		a := f.adopt()
		f.run()
		for _, rec := range a.Running {
			known[rec.PID] = true
			adopted++
		}
		for _, pid := range marked(mark, known) {
			t.Errorf("round %d: process %d runs on without a record", round, pid)
		}
		for _, rec := range a.Running {
			// A helper without orders has ended by itself meanwhile.
			if err := f.Stop(rec.Name, rec.Launch, 0); err != nil && !strings.Contains(err.Error(), "no such launch") {
				t.Error(err)
			}
		}
		for range a.Running {
			next[proc.Exited](f)
		}
		for _, pid := range marked(mark, nil) {
			t.Errorf("round %d: process %d still runs", round, pid)
		}
	}
	if adopted == 0 {
		t.Error("no round left a process behind")
	}
}

func TestProcessWithAnotherIdentityIsNotTouched(t *testing.T) {
	tests := map[string]func(*proc.Record){
		"another start time": func(r *proc.Record) { r.StartTicks-- },
		"another boot":       func(r *proc.Record) { r.BootID = "11111111-2222-3333-4444-555555555555" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			first := newFleet(t, t.TempDir(), proc.Config{})
			first.start(first.spec("worker-1", "sleeper"))
			pid := next[proc.Started](first).PID
			first.hear("ready")
			records := first.settle()
			path := filepath.Join(first.dir, "records", records[0])
			original := must(os.ReadFile(path))
			rec := must(proc.DecodeRecord(original))
			if rec.PID != pid {
				t.Fatalf("record: got %+v, want PID %d", rec, pid)
			}
			change(&rec)
			if err := os.WriteFile(path, proc.EncodeRecord(rec), 0o600); err != nil {
				t.Fatal(err)
			}

			second := newFleet(t, first.dir, proc.Config{})
			a := second.adopt()
			if len(a.Running) > 0 || len(a.Ended) != 1 {
				t.Errorf("Adopt: got %+v, want the launch in Ended", a)
			}
			second.forget("worker-1", 1)
			if left := second.records(); len(left) > 0 {
				t.Errorf("records left: %v", left)
			}
			if err := second.Stop("worker-1", 1, 0); err == nil {
				t.Error("Stop: got no error")
			}

			// The process was not touched, so Adopt finds it with the correct record.
			if err := os.WriteFile(path, original, 0o600); err != nil {
				t.Fatal(err)
			}
			if a := second.adopt(); len(a.Running) != 1 || a.Running[0].PID != pid {
				t.Fatalf("Adopt: got %+v, want PID %d", a, pid)
			}
			second.kill("worker-1", 1)
		})
	}
}

func TestRunLeavesProcessesToTheNextHost(t *testing.T) {
	first := newFleet(t, t.TempDir(), proc.Config{})
	first.start(first.spec("worker-1", "deaf"))
	pid := next[proc.Started](first).PID
	first.hear("ready")
	first.stop()
	for name, err := range map[string]error{
		"Start": first.Start(first.spec("worker-2", "sleeper")),
		"Stop":  first.Stop("worker-1", 1, time.Second),
	} {
		if err == nil {
			t.Errorf("%s after Run: got no error", name)
		}
	}

	second := newFleet(t, first.dir, proc.Config{})
	if a := second.adopt(); len(a.Running) != 1 || a.Running[0].PID != pid {
		t.Fatalf("Adopt: got %+v, want PID %d", a, pid)
	}
	if err := second.Stop("worker-1", 1, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if got := next[proc.Exited](second); got.PID != pid || !got.Killed {
		t.Errorf("got %+v, want PID %d killed", got, pid)
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil {
		t.Error("its process was not reaped")
	}
}

// If Adopt took a living process for an ended one, its node would be started twice.
func TestAdoptFailsIfItCannotInspectAProcess(t *testing.T) {
	first := newFleet(t, t.TempDir(), proc.Config{})
	first.start(first.spec("worker-1", "sleeper"))
	pid := next[proc.Started](first).PID
	first.hear("ready")
	first.stop()

	cmd := exec.Command("/proc/self/exe", filepath.Join(first.dir, "records"))
	cmd.Env = append(os.Environ(), roleEnv+"=cramped")
	cmd.Stderr = t.Output()
	said, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(said); !strings.HasPrefix(got, "running 0, ended 0, error: adopt worker-1: inspect process ") || !strings.Contains(got, "too many open files") {
		t.Errorf("got %q, want an error that says why", got)
	}

	second := newFleet(t, first.dir, proc.Config{})
	if a := second.adopt(); len(a.Running) != 1 || a.Running[0].PID != pid {
		t.Fatalf("Adopt: got %+v, want PID %d", a, pid)
	}
	second.kill("worker-1", 1)
}

// A record of a newer zeekfleet may say more than this one understands. So Adopt
// leaves all processes and all files of the directory alone.
func TestRecordOfANewerFormIsAnError(t *testing.T) {
	first := newFleet(t, t.TempDir(), proc.Config{})
	first.start(first.spec("worker-1", "sleeper"))
	pid := next[proc.Started](first).PID
	first.hear("ready")
	dir := filepath.Join(first.dir, "records")
	path := filepath.Join(dir, first.settle()[0])
	original := must(os.ReadFile(path))
	for file, text := range map[string]string{path: `{"version":2}`, filepath.Join(dir, "worker-1.2.json.new"): "half"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	second := newFleet(t, first.dir, proc.Config{})
	want := "process records: " + path + " was written by a newer zeekfleet (form 2, known are up to 1); run that zeekfleet, or a later one"
	if a, err := second.Adopt(t.Context()); err == nil || err.Error() != want {
		t.Errorf("Adopt: got %+v, %v\nwant %s", a, err, want)
	}
	if living, err := proc.Recorded(dir); err == nil || err.Error() != want {
		t.Errorf("Recorded: got %v, %v\nwant %s", living, err, want)
	}
	if left := must(os.ReadDir(dir)); len(left) != 2 {
		t.Errorf("files: %v, want both", left)
	}
	if err := os.WriteFile(path, original, 0o600); err != nil {
		t.Fatal(err)
	}
	third := newFleet(t, first.dir, proc.Config{})
	if a := third.adopt(); len(a.Running) != 1 || a.Running[0].PID != pid {
		t.Fatalf("Adopt: got %+v, want PID %d", a, pid)
	}
	third.kill("worker-1", 1)
}

func TestAdoptIgnoresMaxProcesses(t *testing.T) {
	first := newFleet(t, t.TempDir(), proc.Config{})
	for _, name := range []string{"worker-1", "worker-2"} {
		first.start(first.spec(name, "sleeper"))
		next[proc.Started](first)
		first.hear("ready")
	}
	first.stop()
	second := newFleet(t, first.dir, proc.Config{MaxProcesses: 1})
	if a := second.adopt(); len(a.Running) != 2 {
		t.Fatalf("Adopt: got %+v, want both", a)
	}
	if err := second.Start(second.spec("worker-3", "sleeper")); err == nil {
		t.Error("Start beyond the limit: got no error")
	}
	second.kill("worker-1", 1)
	second.kill("worker-2", 1)
}

// unsealed returns a record in form 0, as the first versions of zeekfleet wrote it.
func unsealed(record []byte) []byte {
	object, _, _ := strings.Cut(string(record), `,"sum":`)
	return []byte(strings.NewReplacer(`"version":1,`, "", `"fingerprint"`, `"plan_hash"`).Replace(object) + "}")
}

func TestAdoptReadsRecordsOfForm0(t *testing.T) {
	first := newFleet(t, t.TempDir(), proc.Config{})
	first.start(first.spec("worker-1", "sleeper"))
	pid := next[proc.Started](first).PID
	first.hear("ready")
	path := filepath.Join(first.dir, "records", first.settle()[0])
	if err := os.WriteFile(path, unsealed(must(os.ReadFile(path))), 0o600); err != nil {
		t.Fatal(err)
	}
	second := newFleet(t, first.dir, proc.Config{})
	if a := second.adopt(); len(a.Running) != 1 || a.Running[0].PID != pid {
		t.Fatalf("Adopt: got %+v, want PID %d", a, pid)
	}
	second.kill("worker-1", 1)
}

func TestUnreadableRecordIsReportedAndKept(t *testing.T) {
	for name, content := range map[string]string{
		"not JSON":          "{",
		"other JSON":        `{"name":"worker-1","colour":"blue"}`,
		"no process":        `{"name":"worker-1","launch":1,"pid":1,"start_ticks":1,"boot_id":"x"}`,
		"of another launch": `{"name":"worker-1","launch":2,"pid":9,"start_ticks":1,"boot_id":"x"}`,
		"too large":         strings.Repeat(" ", 100<<10),
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			f := newFleet(t, base, proc.Config{NodesDir: base})
			dir := filepath.Join(f.dir, "records")
			for file, text := range map[string]string{"worker-1.1.json": content, "worker-2.1.json.new": "half"} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			a, err := f.Adopt(t.Context())
			if err != nil || len(a.Problems) != 1 || len(a.Running)+len(a.Unseen) > 0 {
				t.Fatalf("Adopt: got %+v, %v, want one problem", a, err)
			}
			// No process runs in the node's directory, so the launch has ended.
			if len(a.Ended) != 1 || a.Ended[0].Name != "worker-1" || a.Ended[0].Launch != 1 {
				t.Errorf("ended: got %+v, want that launch", a.Ended)
			}
			if got := a.Problems[0].Error(); !strings.Contains(got, filepath.Join(dir, "worker-1.1.json")) {
				t.Errorf("got %q, want the file named", got)
			}
			if got := f.records(); len(got) != 1 {
				t.Errorf("records: got %v, want the unreadable one alone", got)
			}
		})
	}
}

func TestForeignProcessesAreReported(t *testing.T) {
	name := "zeek-" + os.Getenv(markEnv) // only this test run has a program of this name
	f := newFleet(t, t.TempDir(), proc.Config{})
	program := filepath.Join(f.dir, name)
	if err := os.WriteFile(program, must(os.ReadFile(must(os.Executable()))), 0o755); err != nil {
		t.Fatal(err)
	}
	ours := f.spec("worker-1", "sleeper")
	ours.Argv[0] = program
	f.start(ours)
	next[proc.Started](f)
	f.hear("ready")
	f.stop()

	cmd := exec.Command(program, "argument")
	cmd.Env = append(os.Environ(), roleEnv+"=sleeper", reportEnv+"="+f.pipe)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.hear("ready")

	second := newFleet(t, f.dir, proc.Config{Foreign: []string{name}})
	a := second.adopt()
	if len(a.Foreign) != 1 || a.Foreign[0].PID != cmd.Process.Pid || a.Foreign[0].Executable != program ||
		strings.Join(a.Foreign[0].Command, " ") != program+" argument" {
		t.Errorf("foreign: got %+v, want process %d", a.Foreign, cmd.Process.Pid)
	}
	second.kill("worker-1", 1)
	cmd.Process.Kill()
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("the foreign process ended with %v, want it alive until now", err)
	}
}
