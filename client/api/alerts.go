package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Alert is something in the cluster that needs a person.
type Alert struct {
	ID       string    `json:"id" example:"node-crashed/sensor-1/worker-2" doc:"Its rule and what it is about. One trouble has one ID, however often it is seen."`
	Rule     string    `json:"rule" example:"node-crashed"`
	Severity string    `json:"severity" enum:"critical,warning"`
	State    string    `json:"state" enum:"pending,firing,resolved" doc:"pending: the trouble has not lasted long enough to tell anybody. resolved: it ended lately."`
	Instance string    `json:"instance,omitempty"`
	Node     string    `json:"node,omitempty"`
	Subject  string    `json:"subject,omitempty" doc:"What else it is about: an interface, a directory, a certificate."`
	Text     string    `json:"text" doc:"What is wrong, for a person."`
	Hint     string    `json:"hint,omitempty" doc:"What to do, or where to look."`
	Since    time.Time `json:"since,omitzero" doc:"When the trouble began."`
	Fired    time.Time `json:"fired,omitzero" doc:"When the alert fired. Absent while it is pending."`
	Resolved time.Time `json:"resolved,omitzero" doc:"When it ended."`
	// Value and Limit are in Unit. Both are absent if the rule compares no numbers.
	Value *float64 `json:"value,omitempty" doc:"What was measured last."`
	Limit *float64 `json:"limit,omitempty" doc:"The limit of the rule."`
	Unit  string   `json:"unit,omitempty" doc:"The unit of value and limit: %, s, days, crashes."`
	// Acknowledged is nil if nobody has said that they know.
	Acknowledged *AlertMark `json:"acknowledged,omitempty" doc:"Who has said that they know of it."`
	// Silenced is nil if no silence covers it.
	Silenced *Silence `json:"silenced,omitempty" doc:"The silence that covers it: receivers are not told."`
}

// The states of an Alert.
const (
	AlertPending  = "pending"
	AlertFiring   = "firing"
	AlertResolved = "resolved"
)

// The severities of an Alert.
const (
	AlertCritical = "critical"
	AlertWarning  = "warning"
)

// AlertMark says who has acknowledged an alert.
type AlertMark struct {
	Who  string    `json:"who"`
	Time time.Time `json:"time"`
	Note string    `json:"note,omitempty"`
}

// Silence keeps receivers from being told of some alerts until it ends. A field that is empty
// matches everything.
type Silence struct {
	ID       uint64    `json:"id"`
	Rule     string    `json:"rule,omitempty"`
	Instance string    `json:"instance,omitempty"`
	Node     string    `json:"node,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	Until    time.Time `json:"until" doc:"When it ends."`
	Who      string    `json:"who" doc:"Who has made it."`
	Time     time.Time `json:"time" doc:"When it was made."`
	Note     string    `json:"note,omitempty"`
}

// SilenceRequest makes a silence. At least one of the first four fields is not empty.
type SilenceRequest struct {
	Rule     string `json:"rule,omitempty" maxLength:"64" doc:"The rule of the alerts. Absent: any."`
	Instance string `json:"instance,omitempty" maxLength:"255" doc:"Their instance. Absent: any."`
	Node     string `json:"node,omitempty" maxLength:"255" doc:"Their node. Absent: any."`
	Subject  string `json:"subject,omitempty" maxLength:"255" doc:"What else they are about. Absent: anything."`
	Seconds  int64  `json:"seconds" minimum:"1" maximum:"31622400" doc:"How long it lasts."`
	Note     string `json:"note,omitempty" maxLength:"1000"`
}

// AcknowledgeRequest says that a person knows of an alert.
type AcknowledgeRequest struct {
	ID   string `json:"id" minLength:"1" maxLength:"1000" example:"node-crashed/sensor-1/worker-2"`
	Note string `json:"note,omitempty" maxLength:"1000"`
}

// AlertReceiver is somebody whom the controller tells of alerts, as its settings say.
type AlertReceiver struct {
	Name string `json:"name"`
	Kind string `json:"kind" enum:"webhook,slack,command"`
	// Target has nothing secret.
	Target    string    `json:"target" doc:"The host of a webhook, or the program of a command."`
	Failing   bool      `json:"failing" doc:"Whether the last attempt has failed."`
	Since     time.Time `json:"since,omitzero" doc:"Since when it fails."`
	Error     string    `json:"error,omitempty" doc:"Why the last attempt has failed, for a person."`
	Next      time.Time `json:"next,omitzero" doc:"When the next attempt is made."`
	Waiting   int       `json:"waiting" doc:"How many messages wait for it."`
	Delivered uint64    `json:"delivered" doc:"How many messages it has got since the controller started."`
	Last      time.Time `json:"last,omitzero" doc:"When it got a message last."`
	Lost      uint64    `json:"lost,omitempty" doc:"How many messages were dropped since the controller started, because the receiver was away for too long or refused them."`
}

// Alerting has the requests about alerts.
type Alerting struct{ *caller }

// AlertQuery says which alerts to return. Empty fields match everything.
type AlertQuery struct{ State, Severity, Rule, Instance, Node string }

// Alerts returns alerts: those that fire first.
func (c Alerting) Alerts(ctx context.Context, q AlertQuery) ([]Alert, error) {
	query := url.Values{}
	for key, value := range map[string]string{
		"state": q.State, "severity": q.Severity, "rule": q.Rule, "instance": q.Instance, "node": q.Node,
	} {
		if value != "" {
			query.Set(key, value)
		}
	}
	return allOf[Alert](ctx, c.caller, PathAlerts, query)
}

// Acknowledge says that a person knows of an alert. It returns the alert.
func (c Alerting) Acknowledge(ctx context.Context, in AcknowledgeRequest) (a Alert, err error) {
	return a, c.post(ctx, PathAcknowledge, in, &a)
}

// Silences returns the silences that have not ended.
func (c Alerting) Silences(ctx context.Context) ([]Silence, error) {
	return all[Silence](ctx, c.caller, PathSilences)
}

// Silence makes a silence.
func (c Alerting) Silence(ctx context.Context, in SilenceRequest) (s Silence, err error) {
	return s, c.post(ctx, PathSilences, in, &s)
}

// EndSilence ends a silence before its time.
func (c Alerting) EndSilence(ctx context.Context, id uint64) error {
	return c.delete(ctx, PathSilences, strconv.FormatUint(id, 10))
}

// AlertReceivers returns the receivers of alerts, and how they are.
func (c Alerting) AlertReceivers(ctx context.Context) ([]AlertReceiver, error) {
	return all[AlertReceiver](ctx, c.caller, PathAlertReceivers)
}

// testWait is how long a receiver may take for a test.
const testWait = time.Minute

// TestReceiver sends a message to a receiver, which says that it is a test. It returns an
// error unless the receiver has taken it.
func (c Alerting) TestReceiver(ctx context.Context, name string) error {
	return c.do(ctx, request{method: http.MethodPost, path: PathAlertReceivers + "/" + url.PathEscape(name) + "/test", wait: testWait}, nil)
}
