package daemon_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
)

// audited runs a controller with this recorder until the test ends.
func audited(t *testing.T, recorder *audit.Recorder) *daemon.Controller {
	t.Helper()
	c := daemon.NewController(daemon.ControllerConfig{Store: new(memstore.Store), Audit: recorder})
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() { end(); <-ended })
	return c
}

func TestRequestsAreInTheAuditWhenTheyAreAnswered(t *testing.T) {
	log, err := audit.Open(audit.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c := audited(t, audit.NewRecorder(log, nil))
	ann := mgmt.Principal{Name: "ann", Role: mgmt.Operator, Source: "192.0.2.7:1000"}
	guest := mgmt.Principal{Name: "guest", Role: mgmt.Viewer}
	outcome(t, c, ann, mgmt.StageConfigurationRequest{ReqID: "s", Config: mgmt.Configuration{ID: "x"}})
	outcome(t, c, guest, mgmt.DeployRequest{ReqID: "d"})
	outcome(t, c, guest, mgmt.DeployRequest{ReqID: "e"})
	outcome(t, c, guest, mgmt.GetInstancesRequest{ReqID: "g"})
	got, err := log.Read(audit.Query{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i].Time, got[i].Reason = got[0].Time, ""
	}
	want := []mgmt.AuditRecord{
		{Seq: 1, Time: got[0].Time, Who: "ann", Role: mgmt.Operator, Source: "192.0.2.7:1000", Request: "stage_configuration", Subject: "x", Outcome: mgmt.AuditDone, Revision: "x"},
		{Seq: 2, Time: got[0].Time, Who: "guest", Role: mgmt.Viewer, Request: "deploy", Outcome: mgmt.AuditRefused}, // the second refusal is only counted
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

type fullDisk struct{}

func (fullDisk) Append(mgmt.AuditRecord) error { return errors.New("no space left") }

func TestControllerGoesOnWhenTheAuditCannotBeWritten(t *testing.T) {
	recorder := audit.NewRecorder(fullDisk{}, nil)
	c := audited(t, recorder)
	ann := mgmt.Principal{Name: "ann", Role: mgmt.Operator}
	if r := outcome(t, c, ann, mgmt.StageConfigurationRequest{ReqID: "s", Config: mgmt.Configuration{ID: "x"}}); !r.Success {
		t.Errorf("stage: %+v", r)
	}
	if err := recorder.Err(); err == nil {
		t.Error("the recorder does not say that the audit is not written")
	}
}
