package daemon_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An agent that somebody has taken over fills neither memory nor screens with what it
// tells of its host.
func TestFactsOfAHostAreBounded(t *testing.T) {
	read := func(text string) (mgmt.HostFacts, error) {
		return daemon.ReadHost(io.NopCloser(strings.NewReader(text)))
	}
	for name, text := range map[string]string{
		"too long":        `{"version":"` + strings.Repeat("v", daemon.MaxHostFacts) + `"}`,
		"too many values": `{"running":[{}` + strings.Repeat(",{}", daemon.MaxHostValues) + `]}`,
		"no JSON":         "\x1b[2J",
	} {
		if facts, err := read(text); err == nil || len(facts.Running) > 0 {
			t.Errorf("%s: %d nodes, %v", name, len(facts.Running), err)
		}
	}
	long, err := json.Marshal(strings.Repeat("v", 10*daemon.MaxHostText))
	if err != nil {
		t.Fatal(err)
	}
	facts, err := read(strings.ReplaceAll(`{"version":L,"hostname":L,"kernel":L,"disks":[{"path":L,"err":L}],"running":[{"node":L,"version":L}]}`, "L", string(long)))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		facts.Version, facts.Hostname, facts.Kernel, facts.Disks[0].Path, facts.Disks[0].Err, string(facts.Running[0].Node), facts.Running[0].Version,
	} {
		if len(text) != daemon.MaxHostText {
			t.Errorf("a text of %d bytes", len(text))
		}
	}
}

// What an agent of ours tells is always within the bounds.
func TestFactsOfTheGreatestHostAreTaken(t *testing.T) {
	facts := mgmt.HostFacts{Version: "1"}
	for i := range daemon.BookNodes {
		facts.Running = append(facts.Running, mgmt.NodeVersion{
			Node: mgmt.NodeName(fmt.Sprintf("worker-%032d", i)), PID: 1 << 22, Program: "/opt/zeek-8.2.2/bin/zeek/with/a/longer/path/zeek", Version: "8.2.2-dev.123",
		})
		facts.States = append(facts.States, mgmt.NodeAge{Node: facts.Running[i].Node, State: mgmt.Running, Age: 1000 * time.Hour})
	}
	text, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := daemon.ReadHost(io.NopCloser(strings.NewReader(string(text)))); err != nil || len(got.Running) != daemon.BookNodes || len(got.States) != daemon.BookNodes {
		t.Errorf("%d nodes of %d, %v", len(got.Running), daemon.BookNodes, err)
	}
}
