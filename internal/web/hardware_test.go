package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// withHardware is a cluster whose agents have told nothing, are older, are absent, or tell what
// their hosts have.
func withHardware() *agents {
	at := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	return &agents{
		hosts: []mgmt.HostReport{
			{Instance: "gone", Heard: at, Err: "the agent of instance gone is not connected", Facts: &mgmt.HostFacts{Hardware: &mgmt.Hardware{Processors: []mgmt.Processor{{Number: 1, Core: 1}}}}},
			{Instance: "new", Present: true},
			{Instance: "old", Present: true, Heard: at, Facts: &mgmt.HostFacts{}},
			{Instance: "silent", Present: true, Heard: at, Facts: &mgmt.HostFacts{}},
		},
		tell: func(_ context.Context, instance mgmt.InstanceName, kind mgmt.StreamKind, _ any) (io.Reader, error) {
			switch {
			case kind != mgmt.StreamHost:
				return nil, errors.New("this is not asked for")
			case instance == "silent":
				return nil, &mgmt.StreamError{Code: mgmt.StreamLost, Text: "the connection is lost"}
			case instance == "old":
				return strings.NewReader(`{"load":[0,0,0],"memory":{}}`), nil
			}
			return strings.NewReader(`{"hardware":{"processors":[{"number":2,"numa_node":0,"core":2},{"number":0,"numa_node":0,"core":0},{"number":-5}],
				"interfaces":[{"name":"eth0","numa_node":0,"driver":"ice","queues":4}]}}`), nil
		},
	}
}

func TestHardwareOfAnInstance(t *testing.T) {
	s := serve(t, web.Config{Cluster: &fleet{}, Agents: withHardware()}, nil)
	for name, want := range map[string]api.Hardware{
		"new": {
			Processors: []api.Processor{{Number: 0}, {Number: 2, Core: 2}}, Interfaces: []api.NIC{{Name: "eth0", Driver: "ice", Queues: 4}},
		},
		"gone": {Processors: []api.Processor{{Number: 1, Core: 1}}, Err: "the agent of instance gone is not connected"},
		"old":  {Err: "its agent is of a version that does not tell what the host has"},
		// What was known of it was from an older agent.
		"silent": {Err: "its agent is of a version that does not tell what the host has"},
	} {
		got, err := s.client("viewer").Hardware(t.Context(), name)
		if got.Heard.IsZero() {
			t.Errorf("%s: it was never heard of", name)
		}
		want.Instance, want.Heard = name, got.Heard
		if want.Processors == nil {
			want.Processors = []api.Processor{}
		}
		if want.Interfaces == nil {
			want.Interfaces = []api.NIC{}
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
	}
	_, err := s.client("viewer").Hardware(t.Context(), "nobody")
	if problem, ok := errors.AsType[*api.Problem](err); !ok || problem.Status != http.StatusNotFound || problem.Detail != "there is no instance 'nobody'" {
		t.Errorf("an instance that is not there: %v", err)
	}
}

// A form takes templates. The plan shows what they have become, and the form goes on with these
// nodes.
func TestFormTakesTemplates(t *testing.T) {
	const template = "[workers]\ninstance = new\ninterface = eth0\nworkers = auto\npin_cpus = auto\n"
	s := serve(t, web.Config{Cluster: fleetOf("w1"), Agents: withHardware()}, nil)
	status, page := planOf(s, template)
	if status != http.StatusOK {
		t.Fatalf("got %d: %s", status, page)
	}
	shows(t, page, "Templates of workers", "[workers], line 1", "worker-eth0-1", "cpu_affinity = 2", `fanout_id=`)
	if strings.Contains(page, "workers = auto") {
		t.Errorf("the form goes on with the template: %s", page)
	}
	_, page = planOf(s, strings.Replace(template, "new", "old", 1))
	shows(t, page, "cluster file:5: [workers]: what &#34;pin_cpus = auto&#34; means depends on the host of instance &#39;old&#39;: its agent is of a version that does not tell what the host has; or write numbers in place of auto")
}
