package main

import (
	"fmt"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// The Makefile has the linker set it by this name.
var _ *string = &version

func TestMain(m *testing.M) {
	proc.ChildMain()
	testscript.Main(m, map[string]func(){"zeekfleet": main, "zeek-client": main, "zeek": fakezeek.Main})
}

// TestScripts runs the whole binary, as testdata/*.txtar tell. Beside the
// commands of testscript they have these; each that waits does so for at most
// patience:
//
//	isolate               gives the script's daemons ports and a state directory of their own
//	start NAME PROGRAM …  starts a process in the background
//	await NAME REGEXP     waits until the process prints a line like that, after the last one awaited
//	signal NAME SIGNAL    sends a signal to a process that was started, or by its PID to one of its nodes
//	ended NAME [STATUS]   waits for the process to end, with exit status 0 unless STATUS says otherwise
//	child NAME VAR        puts the PID of the one child of such a process into a variable
//	nodes NODE=STATE …    waits until get-nodes says so; NODE=absent that it does not list the node
//	pid NODE VAR          puts the PID that get-nodes shows into a variable
//	answers NODE …        waits until get-id-value has an answer of each node
//	alive PID             checks that a process of this script lives; ! alive waits for its end
//	appears PATTERN       waits for a file of a name like that
//	vanishes PATTERN      waits until there is none
//	state VERSION/NAME    makes the state directory a copy of testdata/state-VERSION/NAME
//	standin NODE VAR      makes the process that was started as NODE the one that the node's
//	                      record names, and puts its PID into a variable
//
// A script that succeeds must have stopped all of its nodes.
func TestScripts(t *testing.T) {
	// Otherwise the directory of the scripts' directories stays behind where
	// -run has left some of them out.
	t.Setenv("GOTMPDIR", t.TempDir())
	testscript.Run(t, testscript.Params{
		Dir:   "testdata",
		Setup: setUpScript,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"isolate":  cmdIsolate,
			"start":    cmdStart,
			"await":    cmdAwait,
			"signal":   cmdSignal,
			"ended":    cmdEnded,
			"child":    cmdChild,
			"nodes":    cmdNodes,
			"pid":      cmdPID,
			"answers":  cmdAnswers,
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
