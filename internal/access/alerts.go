package access

import (
	"fmt"
	"reflect"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// AlertRequest is a request about alerts. Each type has a row in the table of this package. A
// Refusal answers any.
type AlertRequest interface{ isAlertRequest() }

type (
	// ListAlerts asks for alerts, silences and receivers. It is not asked in this form: who
	// may look reads mgmt.AlertBook.
	ListAlerts struct{}
	// AcknowledgeAlert says that a person knows of an alert. The answer is Acknowledged.
	AcknowledgeAlert struct{ ID, Note string }
	// MakeSilence makes a silence of these alerts. The answer is Silenced.
	MakeSilence struct {
		Rule     mgmt.AlertRule
		Instance mgmt.InstanceName
		Node     mgmt.NodeName
		Subject  string
		Life     time.Duration
		Note     string
	}
	// EndSilence ends a silence. The answer is Done.
	EndSilence struct{ ID uint64 }
	// TestReceiver sends a test to a receiver. The answer is Done when the receiver has it.
	TestReceiver struct{ Name string }
)

func (ListAlerts) isAlertRequest()       {}
func (AcknowledgeAlert) isAlertRequest() {}
func (MakeSilence) isAlertRequest()      {}
func (EndSilence) isAlertRequest()       {}
func (TestReceiver) isAlertRequest()     {}

type (
	// Acknowledged is an alert that was acknowledged.
	Acknowledged struct{ mgmt.Alert }
	// Silenced is a silence that was made.
	Silenced struct{ mgmt.Silence }
)

func (Acknowledged) isAnswer() {}
func (Silenced) isAnswer()     {}

// alertRows is the table of the requests about alerts.
var alertRows = []struct {
	AlertRequest
	Row
}{
	{ListAlerts{}, Row{"alerts", mgmt.Viewer, false}},
	{AcknowledgeAlert{}, Row{"alerts ack", mgmt.Operator, true}},
	{MakeSilence{}, Row{"alerts silence", mgmt.Operator, true}},
	{EndSilence{}, Row{"alerts unsilence", mgmt.Operator, true}},
	{TestReceiver{}, Row{"alerts test", mgmt.Operator, true}},
}

// RowOfAlerts returns the table's row of a request about alerts.
func RowOfAlerts(req AlertRequest) Row {
	for _, r := range alertRows {
		if reflect.TypeOf(r.AlertRequest) == reflect.TypeOf(req) {
			return r.Row
		}
	}
	panic(fmt.Sprintf("access: the table of requests has no row for %T", req))
}
