package notify

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Message is what a receiver gets, as JSON.
type Message struct {
	// Version is 1. Fields may be added without a new version.
	Version int `json:"version"`
	// Controller is the name of the controller.
	Controller string `json:"controller"`
	// Seq is the number of the event (zeekfleet events). A message that comes twice has the
	// same number. It is 0 for a test and for lost.
	Seq uint64 `json:"seq"`
	// Time is when the alert got this state.
	Time time.Time `json:"time"`
	// State is firing, resolved, lost (messages are missing here; text says how many), or test.
	State string `json:"state"`
	// Again says that the alert fired before: this is a reminder, or it is more severe now.
	Again bool `json:"again,omitempty"`
	// ID, rule and severity are those of the alert.
	ID       string `json:"id,omitempty"`
	Rule     string `json:"rule,omitempty"`
	Severity string `json:"severity,omitempty"`
	Instance string `json:"instance,omitempty"`
	Node     string `json:"node,omitempty"`
	// Subject is what else it is about: an interface, a directory, a certificate.
	Subject string `json:"subject,omitempty"`
	// Text says what is wrong, or what was, and Hint what to do.
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// messageOf returns the message of a record.
func messageOf(controller string, r happenings.Record) Message {
	rule, rest, _ := strings.Cut(r.Alert, "/")
	m := Message{
		Version: 1, Controller: controller, Seq: r.Seq, Time: r.Time.UTC(), State: r.To, Again: r.From == string(mgmt.AlertFiring) && r.To == r.From,
		ID: r.Alert, Rule: rule, Severity: string(r.Severity), Instance: string(r.Instance), Node: string(r.Node), Text: r.Cause,
	}
	if r.Node == "" {
		if r.Instance != "" {
			rest = strings.TrimPrefix(strings.TrimPrefix(rest, string(r.Instance)), "/")
		}
		m.Subject = strings.TrimPrefix(rest, "interface/")
	}
	if r.To == string(mgmt.AlertFiring) {
		m.Hint = mgmt.AlertHint(&mgmt.Alert{Rule: mgmt.AlertRule(rule), Instance: r.Instance, Node: r.Node, Subject: m.Subject})
	}
	return m
}

func lostMessage(controller string, n uint64, now time.Time) Message {
	return Message{
		Version: 1, Controller: controller, Time: now.UTC(), State: "lost", Severity: string(mgmt.AlertCritical),
		Text: fmt.Sprintf("%d messages about alerts are missing here: too many waited, or they were refused. Look at zeekfleet alerts", n),
	}
}

func testMessage(controller string, now time.Time) Message {
	return Message{
		Version: 1, Controller: controller, Time: now.UTC(), State: "test", Severity: string(mgmt.AlertWarning),
		Text: "this is a test of a receiver of alerts: nothing is wrong",
	}
}

// body returns the message in the form that a kind of receivers takes.
func (m Message) body(kind mgmt.AlertReceiverKind) ([]byte, error) {
	if kind == mgmt.ReceiverSlack {
		return json.Marshal(struct {
			Text string `json:"text"`
		}{m.slack()})
	}
	return json.Marshal(m)
}

// slack returns the message as text for Slack, and for what is compatible with it. A space
// without width keeps what hosts tell, such as the name of an interface, from calling people and
// from being a link.
func (m Message) slack() string {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;",
		"@", "@\u200b", "://", ":\u200b//", "](", "]\u200b(", "www.", "www\u200b.", "WWW.", "WWW\u200b.")
	sign := ":warning:"
	switch {
	case m.State == string(mgmt.AlertResolved):
		sign = ":white_check_mark:"
	case m.State == "test":
		sign = ":information_source:"
	case m.Severity == string(mgmt.AlertCritical):
		sign = ":rotating_light:"
	}
	text := fmt.Sprintf("%s %s: %s", sign, strings.ToUpper(m.State), escape.Replace(m.Text))
	if m.Rule != "" {
		text += fmt.Sprintf(" (%s, %s)", escape.Replace(m.Rule), escape.Replace(m.Severity))
	}
	if m.Hint != "" {
		text += "\n" + escape.Replace(m.Hint)
	}
	return text + "\n" + escape.Replace(m.Controller)
}
