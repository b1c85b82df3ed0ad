package controller

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// changes reports whether a client's request is to change something. A plan changes
// nothing, and neither does all that a viewer may ask for.
func changes(msg mgmt.Request) bool {
	_, plans := msg.(mgmt.PlanRequest)
	return mgmt.KindOf(msg).May > mgmt.Viewer && !plans
}

// audit emits a record about a client's request.
func (rs *requests) audit(asked detail, rec mgmt.AuditRecord) {
	who := asked.principal
	rec.Who, rec.Role, rec.Source = who.Name, who.Role, who.Source
	rec.Request = mgmt.KindOf(asked.msg).Name()
	if rec.Subject == "" {
		rec.Subject = subject(asked.msg)
	}
	rs.emit(Audit{rec})
}

// outcomes has the outcome in the audit of each end of an operation.
var outcomes = map[mgmt.OperationState]mgmt.AuditOutcome{
	mgmt.OperationDone: mgmt.AuditDone, mgmt.OperationFailed: mgmt.AuditFailed, mgmt.OperationInterrupted: mgmt.AuditInterrupted,
}

// audit emits a record about o.
func (o *operation) audit(outcome mgmt.AuditOutcome, why string) {
	rec := mgmt.AuditRecord{
		Operation: o.id(), Who: o.is.Who, Role: o.is.Role, Source: o.source, Request: o.is.Request, Subject: o.subject,
		Outcome: outcome, Reason: why,
	}
	if rec.Reason != "" && o.because != "" {
		rec.Reason = ": " + rec.Reason
	}
	rec.Reason = o.because + rec.Reason
	if rec.Request == "" { // an earlier version of the program has saved it
		rec.Request, rec.Role = "operate", mgmt.Operator
		if isDeployment[o.is.Kind] {
			rec.Request = "change"
		}
	}
	if outcome != mgmt.AuditBegun && isDeployment[o.is.Kind] && o.is.Revision != 0 {
		rec.Revision = o.subject
	}
	o.all.emit(Audit{rec})
}

// named returns what the user of o, an operation of an earlier life, has named.
func (o *operation) named(saved State) string {
	if !isDeployment[o.is.Kind] {
		return subject(mgmt.OperateRequest{Kind: o.is.Kind, Selectors: o.is.Selectors, Resumes: o.is.Resumes})
	}
	for _, p := range saved.descriptions() {
		if p.Revision == o.is.Revision {
			return p.ID
		}
	}
	return ""
}

// subject returns what a request names.
func subject(msg mgmt.Request) string {
	switch msg := msg.(type) {
	case mgmt.StageConfigurationRequest:
		return msg.Config.ID
	case mgmt.ChangeRequest:
		return msg.Config.ID
	case mgmt.StagedDeployRequest:
		return msg.ID
	case mgmt.RestartRequest:
		return mgmt.FewTexts(texts(msg.Nodes), maxNamed, ", ")
	case mgmt.GetIDValueRequest:
		return msg.ID
	case mgmt.OperateRequest:
		if msg.Resumes != 0 {
			return fmt.Sprintf("%s that goes on with operation %d", msg.Kind, msg.Resumes)
		}
		return strings.TrimSpace(string(msg.Kind) + " " + mgmt.FewTexts(msg.Selectors, maxNamed, ", "))
	case mgmt.DispatchRequest:
		return fmt.Sprintf("%.200s", strings.Join(msg.Action[:min(len(msg.Action), 2)], " ")) // values may be secrets
	}
	return ""
}

func texts(names []mgmt.NodeName) []string {
	var list []string
	for _, n := range slices.Sorted(slices.Values(names)) {
		list = append(list, string(n))
	}
	return list
}

// auditEnd emits the record of the end of a request that is to change something.
func (rs *requests) auditEnd(asked detail, results []mgmt.Result) {
	if changes(asked.msg) {
		rs.audit(asked, ending(results))
	}
}

// ending returns the record that results make.
func ending(results []mgmt.Result) mgmt.AuditRecord {
	rec := mgmt.AuditRecord{Outcome: mgmt.AuditDone}
	failures := 0
	for _, r := range results {
		if id, ok := r.Data.(mgmt.Text); ok && r.Success && r.Instance == "" && r.Node == "" {
			rec.Revision = string(id) // the controller's own result: what it keeps now
		}
		if r.Success {
			continue
		}
		if failures++; failures == 1 {
			rec.Outcome, rec.Reason = mgmt.AuditFailed, failure(r)
		}
	}
	if len(results) > 1 && failures > 0 {
		rec.Reason = fmt.Sprintf("%d of %d results are failures; the first: %s", failures, len(results), rec.Reason)
	}
	return rec
}

// failure returns a failure as one text.
func failure(r mgmt.Result) string {
	switch {
	case r.Node != "":
		return fmt.Sprintf("node %s: %s", r.Node, r.Error)
	case r.Instance != "":
		return fmt.Sprintf("instance %s: %s", r.Instance, r.Error)
	}
	return r.Error
}
