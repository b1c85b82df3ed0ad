package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// pollInterval is the pause between two checks of a condition that sends no
// notification, such as the state of a node in another process.
const pollInterval = 50 * time.Millisecond

// shownNode has the fields that get-nodes shows of a node and that scripts use.
type shownNode struct {
	State string
	PID   int
}

// getNodes returns the nodes of all instances that get-nodes shows. ok is false if
// get-nodes fails.
func getNodes(ts *testscript.TestScript) (map[string]shownNode, bool) {
	if ts.Exec("zeekfleet", "get-nodes") != nil {
		return nil, false
	}
	var shown struct {
		Results map[string]map[string]shownNode
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &shown))
	nodes := map[string]shownNode{}
	for _, instance := range shown.Results {
		maps.Copy(nodes, instance)
	}
	return nodes, true
}

func cmdNodes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: nodes NODE=STATE…")
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(pollInterval) {
		nodes, ok := getNodes(ts)
		if ok && allAre(nodes, args) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("nodes did not become %s within %v; they are %v", strings.Join(args, " "), patience, nodes)
		}
	}
}

// allAre reports whether every node has the wanted state. A wanted state is
// NODE=STATE or NODE=absent.
func allAre(nodes map[string]shownNode, wanted []string) bool {
	for _, w := range wanted {
		name, state, _ := strings.Cut(w, "=")
		n, listed := nodes[name]
		if state == "absent" && !listed {
			continue
		}
		if !listed || n.State != state {
			return false
		}
	}
	return true
}

// cmdAnswers is needed because get-nodes may show a node RUNNING before the agent
// is connected to it.
func cmdAnswers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: answers NODE…")
	}
	command := append([]string{"get-id-value", "Cluster::node"}, args...)
	for deadline := time.Now().Add(patience); ts.Exec("zeekfleet", command...) != nil; time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			ts.Fatalf("nodes %s did not answer within %v: %s", strings.Join(args, " "), patience, ts.ReadFile("stdout"))
		}
	}
}

func cmdPID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pid NODE VAR")
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(pollInterval) {
		nodes, _ := getNodes(ts)
		if pid := nodes[args[0]].PID; pid != 0 {
			ts.Setenv(args[1], strconv.Itoa(pid))
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("get-nodes shows no PID of %s after %v", args[0], patience)
		}
	}
}

func cmdRestarts(ts *testscript.TestScript, neg bool, args []string) {
	nodes, ok := getNodes(ts)
	if neg || !ok {
		ts.Fatalf("usage: restarts [NODE…], while the controller answers")
	}
	s := scriptOf(ts)
	before := s.pids
	s.pids = map[string]int{}
	var restarted []string
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		s.pids[name] = nodes[name].PID
		if was := before[name]; was != 0 && was != nodes[name].PID {
			restarted = append(restarted, name)
		}
	}
	if slices.Sort(args); !slices.Equal(restarted, args) {
		ts.Fatalf("nodes with another PID are %q, want %q", restarted, args)
	}
}

func cmdOlder(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: older NODE FILE")
	}
	file, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	awaitSince(ts, args[0], patience, fmt.Sprintf("and the file was written at %v", file.ModTime()), func(since time.Time) bool {
		return since.Before(file.ModTime()) != neg
	})
}

func cmdAged(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: aged NODE DURATION")
	}
	age, err := time.ParseDuration(args[1])
	ts.Check(err)
	awaitSince(ts, args[0], patience+age, fmt.Sprintf("which is no %v", age), func(since time.Time) bool { return time.Since(since) >= age })
}

// awaitSince waits until it is right since when a node is in its state. wrong says why it is not.
func awaitSince(ts *testscript.TestScript, node string, limit time.Duration, wrong string, right func(since time.Time) bool) {
	for deadline := time.Now().Add(limit); ; time.Sleep(pollInterval) {
		since := nodeSince(ts, node)
		if !since.IsZero() && right(since) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s is in its state since %v, %s", node, since, wrong)
		}
	}
}

// nodeSince returns since when a node is in its state, as "zeekfleet nodes" shows it.
func nodeSince(ts *testscript.TestScript, name string) time.Time {
	if ts.Exec("zeekfleet", "nodes", "--output", "json") != nil {
		return time.Time{}
	}
	var nodes []struct {
		Name  string
		Since time.Time
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &nodes))
	for _, n := range nodes {
		if n.Name == name {
			return n.Since
		}
	}
	return time.Time{}
}

func cmdTold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: told NODE REGEXP")
	}
	file, want := ts.MkAbs(filepath.Join("state", "nodes", args[0], "stderr")), regexp.MustCompile(args[1])
	for deadline := time.Now().Add(patience); ; time.Sleep(pollInterval) {
		text, err := os.ReadFile(file)
		if !errors.Is(err, fs.ErrNotExist) {
			ts.Check(err)
		}
		if want.Match(text) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s was not told %q within %v: %s", args[0], args[1], patience, text)
		}
	}
}

func cmdAlive(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: [!] alive PID")
	}
	pid, err := strconv.Atoi(args[0])
	ts.Check(err)
	s := scriptOf(ts)
	for deadline := time.Now().Add(patience); neg && s.owns(pid); time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			ts.Fatalf("process %d still lives", pid)
		}
	}
	if !neg && !s.owns(pid) {
		ts.Fatalf("process %d does not live", pid)
	}
}

// matches reports whether the name of a file of the script matches the pattern.
func matches(ts *testscript.TestScript, pattern string) bool {
	found, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	return len(found) > 0
}

func cmdAppears(ts *testscript.TestScript, neg bool, args []string) {
	awaitFiles(ts, neg, args, true)
}

func cmdVanishes(ts *testscript.TestScript, neg bool, args []string) {
	awaitFiles(ts, neg, args, false)
}

func awaitFiles(ts *testscript.TestScript, neg bool, args []string, want bool) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: appears PATTERN, vanishes PATTERN")
	}
	for deadline := time.Now().Add(patience); matches(ts, args[0]) != want; time.Sleep(pollInterval) {
		if time.Now().After(deadline) {
			ts.Fatalf("files like %s: still %v after %v", args[0], !want, patience)
		}
	}
}
