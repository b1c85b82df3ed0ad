package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// The linker sets the variable of this name, see the Makefile. If it is renamed,
// this line does not compile.
var _ *string = &version

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"zeekfleet": mainOfScripts, "zeek-client": main, "zeek": fakezeek.Main, "feeder": feeder})
}

// mainOfScripts is main with the patience for completion, and the bounds of revisions, that a
// script has set.
func mainOfScripts() {
	if d, err := time.ParseDuration(os.Getenv("COMPLETION_TIME")); err == nil {
		completionTime = d
	}
	if _, err := fmt.Sscan(os.Getenv("REVISIONS_KEPT"), new(int)); err == nil {
		boundRevisions = func(c *app.Controller) {
			fmt.Sscan(os.Getenv("REVISIONS_DESCRIBED"), &c.Core.History)
			fmt.Sscan(os.Getenv("REVISIONS_KEPT"), &c.Core.Contents)
		}
	}
	main()
}

// TestScripts runs the whole binary with the scripts testdata/*.txtar. Beside the
// commands of testscript, scripts have the commands below. A command that waits
// fails after the time patience:
//
//	isolate               gives the script's daemons ports and a state directory of their own
//	start NAME PROGRAM …  starts a process in the background under the name NAME
//	terminal NAME 80x24 PROGRAM …  starts a process on a terminal with 80 columns and 24 lines
//	type NAME KEYS        types on the terminal of the process; ^C and ^M are Ctrl-C and Enter
//	resize NAME 80x24     changes the size of the terminal
//	tidy NAME             waits until the process ends, and checks that it leaves the terminal as it was
//	await NAME REGEXP     waits until the process prints a line that matches, below the last awaited line
//	signal NAME SIGNAL    sends a signal to the process; a PID instead of NAME is a node of the script
//	ended NAME [STATUS]   waits until the process ends, and checks its status: "exit status 0", or STATUS
//	child NAME VAR        sets the variable VAR to the PID of the process's only child
//	nodes NODE=STATE …    waits until get-nodes shows these states; NODE=absent: until it does not list NODE
//	pid NODE VAR          sets VAR to the PID that get-nodes shows
//	restarts [NODE…]      fails unless exactly these nodes have another PID than at the
//	                      last "restarts"; nodes that are new or gone do not count
//	older NODE FILE       waits until "zeekfleet nodes" says that the node came into its state before the
//	                      file was written; ! older: after that
//	aged NODE DURATION    waits until the node has been in its state for so long
//	told NODE REGEXP      waits until a fake Zeek prints that its cluster has these nodes
//	answers NODE …        waits until get-id-value has an answer of each node
//	alive PID             checks that a process of this script lives; ! alive waits until it has ended
//	appears PATTERN       waits until a file matches the pattern
//	vanishes PATTERN      waits until no file matches the pattern
//	state COMMIT/NAME     makes the state directory a copy of testdata/state-COMMIT/NAME
//	standin NODE VAR      puts the process that was started under the name NODE into the record of
//	                      NODE's process, and sets VAR to its PID
//
// A script must stop all of its nodes before it ends.
func TestScripts(t *testing.T) {
	// Under nohup, processes ignore SIGHUP, as they should. Those that this process starts do
	// not if it handles the signal.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	runScripts(t, scripts, setUpScript)
}

// TestSavedStates runs the scripts testdata/saved/*.txtar once for each commit whose
// program has left its state in testdata/state-COMMIT. The variable SAVED is the
// commit. NAME.txtar is about the directory NAME, which early commits need not have.
func TestSavedStates(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(savedStates, "state-*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("saved states: %v, %v", dirs, err)
	}
	for _, dir := range dirs {
		_, commit, _ := strings.Cut(filepath.Base(dir), "-")
		scripts := savedScripts(t, dir)
		t.Run(commit, func(t *testing.T) {
			runScripts(t, scripts, func(env *testscript.Env) error {
				env.Setenv("SAVED", commit)
				return setUpScript(env)
			})
		})
	}
}

// savedScripts returns the scripts about the state directories in dir.
func savedScripts(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/saved/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	scripts := slices.DeleteFunc(all, func(script string) bool {
		_, err := os.Stat(filepath.Join(dir, strings.TrimSuffix(filepath.Base(script), ".txtar")))
		return errors.Is(err, fs.ErrNotExist)
	})
	if len(scripts) == 0 {
		t.Fatalf("no script is about the directories in %s", dir)
	}
	return scripts
}

// runScripts runs scripts. setUp prepares each.
func runScripts(t *testing.T, scripts []string, setUp func(*testscript.Env) error) {
	// testscript makes a directory for all scripts below GOTMPDIR, and leaves it
	// behind if -run excludes some scripts.
	t.Setenv("GOTMPDIR", t.TempDir())
	testscript.Run(t, testscript.Params{
		Files: scripts,
		Setup: setUp,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"isolate":  cmdIsolate,
			"start":    cmdStart,
			"terminal": cmdTerminal,
			"type":     cmdType,
			"resize":   cmdResize,
			"tidy":     cmdTidy,
			"await":    cmdAwait,
			"signal":   cmdSignal,
			"ended":    cmdEnded,
			"child":    cmdChild,
			"nodes":    cmdNodes,
			"pid":      cmdPID,
			"answers":  cmdAnswers,
			"restarts": cmdRestarts,
			"older":    cmdOlder,
			"aged":     cmdAged,
			"told":     cmdTold,
			"alive":    cmdAlive,
			"appears":  cmdAppears,
			"vanishes": cmdVanishes,
			"state":    cmdState,
			"standin":  cmdStandIn,
		},
		Condition: condition,
	})
}

// condition is for scripts: [root] holds for root, and fails for others in CI.
func condition(name string) (bool, error) {
	if name != "root" {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	skip, err := roottest.Missing("the script says why")
	return skip == "", err
}
