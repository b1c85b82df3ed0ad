package daemon_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// TestWorkerThatCapturesNothingSaysSo looks at embedded nodes, with and without an
// interface, where no Zeek was found and where somebody has chosen them.
func TestWorkerThatCapturesNothingSaysSo(t *testing.T) {
	worker := mgmt.Plan{Node: mgmt.Node{Name: "worker", Interface: new("eth0")}}
	for name, tt := range map[string]struct {
		launcher launch.Embedded
		plan     mgmt.Plan
		says     bool
	}{
		"no Zeek was found": {launch.Embedded{NoZeek: true}, worker, true},
		"no interface":      {launch.Embedded{NoZeek: true}, mgmt.Plan{Node: mgmt.Node{Name: "manager"}}, false},
		"chosen":            {launch.Embedded{}, worker, false},
	} {
		t.Run(name, func(t *testing.T) {
			started, err := tt.launcher.Launch(tt.plan, 1)
			if err != nil {
				t.Fatal(err)
			}
			adopted, err := tt.launcher.Recall(tt.plan.Node.Name, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, facts := range []launch.Facts{started.Facts, adopted} {
				got := daemon.Remark(facts, tt.plan)
				if strings.HasPrefix(got, "embedded nodes capture nothing: no Zeek was found") != tt.says {
					t.Errorf("get-nodes says %q", got)
				}
			}
		})
	}
}
