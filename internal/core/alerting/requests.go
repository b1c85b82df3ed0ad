package alerting

import (
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// maxNote bounds what a user notes, in bytes. maxSilence bounds a silence.
const (
	maxNote    = 500
	maxSilence = 366 * 24 * time.Hour
)

// requests are those of users.
type requests struct{ *turn }

// asked answers a request.
func (t requests) asked(ev Asked) {
	row := access.RowOfAlerts(ev.Request)
	record := mgmt.AuditRecord{Time: t.now, Who: ev.Who.Name, Role: ev.Who.Role, Source: ev.Who.Source, Request: row.Name, Outcome: mgmt.AuditDone}
	var answer access.Answer
	saves := false
	switch req := ev.Request.(type) {
	case access.AcknowledgeAlert:
		record.Subject = clean(req.ID)
		answer = t.allowed(ev.Who, row, func() access.Answer { return t.acknowledge(ev.Who.Name, req) })
	case access.MakeSilence:
		saves = true
		answer = t.allowed(ev.Who, row, func() access.Answer { return t.makeSilence(ev.Who.Name, req) })
		record.Subject = clean(fmt.Sprintf("rule=%s instance=%s node=%s subject=%s for %s", req.Rule, req.Instance, req.Node, req.Subject, req.Life))
	case access.EndSilence:
		saves, record.Subject = true, fmt.Sprintf("silence %d", req.ID)
		answer = t.allowed(ev.Who, row, func() access.Answer { return t.endSilence(ev.Who.Name, req.ID) })
	case access.TestReceiver:
		record.Subject = clean(req.Name)
		if answer = t.allowed(ev.Who, row, func() access.Answer { return nil }); answer == nil {
			t.emit(Audit{record})
			t.emit(Test{ev.ID, req.Name})
			return
		}
	default:
		answer = access.Refusal{Why: access.Invalid, Reason: fmt.Sprintf("%T is not a request about alerts", ev.Request)}
	}
	refusal, refused := answer.(access.Refusal)
	if refused {
		record.Outcome, record.Reason = mgmt.AuditRefused, refusal.Reason
	}
	t.emit(Audit{record})
	if saves && !refused {
		t.urgent = true
		t.waiting = append(t.waiting, Reply{ev.ID, answer})
		return
	}
	t.emit(Reply{ev.ID, answer})
}

// allowed does something for a user whose role may do it.
func (t requests) allowed(who mgmt.Principal, row access.Row, do func() access.Answer) access.Answer {
	if who.Role < row.May {
		return access.Refusal{Why: access.Forbidden, Reason: row.Forbids(who)}
	}
	return do()
}

func (t requests) acknowledge(who string, req access.AcknowledgeAlert) access.Answer {
	it := t.items[req.ID]
	switch {
	case it == nil:
		return access.Refusal{Why: access.NotFound, Reason: fmt.Sprintf("there is no alert %q: zeekfleet alerts lists them", clean(req.ID))}
	case it.State == mgmt.AlertPending:
		return access.Refusal{Why: access.Conflict, Reason: "this alert does not fire yet: nobody was told of it"}
	case it.State == mgmt.AlertResolved:
		return access.Refusal{Why: access.Conflict, Reason: "this alert has ended: there is nothing to acknowledge"}
	}
	it.Acknowledged = &mgmt.AlertMark{Who: who, Time: t.now, Note: mgmt.CutText(clean(req.Note), maxNote)}
	cause := "acknowledged"
	if it.Acknowledged.Note != "" {
		cause += ": " + it.Acknowledged.Note
	}
	t.happened(it, string(mgmt.AlertFiring), mgmt.AlertToldAcknowledged, cause, who)
	a := it.Alert
	a.Silenced = t.covering(it, t.now)
	return access.Acknowledged{Alert: a}
}

func (t requests) makeSilence(who string, req access.MakeSilence) access.Answer {
	switch {
	case req.Rule == "" && req.Instance == "" && req.Node == "" && req.Subject == "":
		return access.Refusal{Why: access.Invalid, Reason: "name the alerts to silence: by rule, instance, node or subject"}
	case req.Rule != "" && !slices.Contains(mgmt.AlertRules(), req.Rule):
		return access.Refusal{Why: access.Invalid, Reason: fmt.Sprintf("there is no rule %q: the rules are %v", clean(string(req.Rule)), mgmt.AlertRules())}
	case req.Life < time.Second || req.Life > maxSilence:
		return access.Refusal{Why: access.Invalid, Reason: "a silence lasts between a second and 366 days"}
	case len(t.silences) >= t.cfg.MaxSilences:
		return access.Refusal{Why: access.Limited, Reason: fmt.Sprintf("there are %d silences: end one first", len(t.silences))}
	}
	t.silence++
	s := mgmt.Silence{
		ID: t.silence, Rule: req.Rule, Instance: mgmt.InstanceName(clean(string(req.Instance))), Node: mgmt.NodeName(clean(string(req.Node))),
		Subject: clean(req.Subject), Until: t.now.Add(req.Life),
		AlertMark: mgmt.AlertMark{Who: who, Time: t.now, Note: mgmt.CutText(clean(req.Note), maxNote)},
	}
	t.silences = append(t.silences, s)
	t.silenced(s, mgmt.AlertToldSilenced, who, fmt.Sprintf("alerts are silenced until %s (%s)", s.Until.UTC().Format(time.RFC3339), nameOf(s)))
	return access.Silenced{Silence: s}
}

// nameOf names a silence, for people.
func nameOf(s mgmt.Silence) string {
	if s.Rule == "" {
		return fmt.Sprintf("silence %d", s.ID)
	}
	return fmt.Sprintf("silence %d of the rule %s", s.ID, s.Rule)
}

// silenced writes down that there is a silence, or that it has ended.
func (t *turn) silenced(s mgmt.Silence, to, who, cause string) {
	if s.Note != "" {
		cause += ": " + s.Note
	}
	t.changed = true
	t.tell = append(t.tell, mgmt.Happening{Time: t.now, Kind: mgmt.HappenedAlert, Instance: s.Instance, Node: s.Node, To: to, Cause: cause, Who: who})
}

func (t requests) endSilence(who string, id uint64) access.Answer {
	i := slices.IndexFunc(t.silences, func(s mgmt.Silence) bool { return s.ID == id })
	if i < 0 {
		return access.Refusal{Why: access.NotFound, Reason: fmt.Sprintf("there is no silence %d: zeekfleet alerts silences lists them", id)}
	}
	s := t.silences[i]
	t.silences = slices.Delete(t.silences, i, i+1)
	t.silenced(s, mgmt.AlertToldUnsilenced, who, nameOf(s)+" was ended")
	return access.Done{}
}

// endSilences ends the silences whose time has come.
func (t *turn) endSilences() {
	t.silences = slices.DeleteFunc(t.silences, func(s mgmt.Silence) bool {
		over := !t.now.Before(s.Until)
		if over {
			t.silenced(s, mgmt.AlertToldUnsilenced, "", nameOf(s)+" is over")
		}
		return over
	})
}
