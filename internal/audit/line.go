package audit

import (
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/journal"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// version is the form of the lines that this package writes.
const version = 1

// record1 is form 1 of a record. Its line is sealed by package durable. The order of
// the first three fields is part of the form. Operation came later.
type record1 struct {
	Version   int    `json:"version"`
	Seq       uint64 `json:"seq"`
	Time      string `json:"time"`
	Who       string `json:"who"`
	Role      string `json:"role"`
	Source    string `json:"source,omitempty"`
	Request   string `json:"request"`
	Subject   string `json:"subject,omitempty"`
	Operation uint64 `json:"operation,omitempty"`
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason,omitempty"`
	Revision  string `json:"revision,omitempty"`
	Times     int    `json:"times,omitempty"`
}

// The longest texts of a record, in bytes. Longer texts are cut.
const (
	maxName   = 255
	maxReason = 1024
)

// maxLine bounds a line, in bytes. JSON may need six bytes for one byte of a text.
const maxLine = 32 << 10

// encode returns the line of a record.
func encode(rec mgmt.AuditRecord) []byte {
	return durable.Seal(form.Encode(record1{
		Version: version, Seq: rec.Seq, Time: rec.Time.UTC().Format(time.RFC3339Nano),
		Who: cut(rec.Who, maxName), Role: rec.Role.String(), Source: cut(rec.Source, maxName),
		Request: cut(rec.Request, maxName), Subject: cut(rec.Subject, maxName), Operation: uint64(rec.Operation),
		Outcome: cut(string(rec.Outcome), maxName), Reason: cut(rec.Reason, maxReason),
		Revision: cut(rec.Revision, maxName), Times: rec.Times,
	}))
}

// cut returns text, or the start of it if it is longer than most bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}

// kind is the kind of the records in a segment. The names of files begin with it.
type kind string

const (
	changes  kind = "changes"
	refusals kind = "refused"
)

func kindOf(rec mgmt.AuditRecord) kind {
	if rec.Outcome == mgmt.AuditRefused {
		return refusals
	}
	return changes
}

// readHead returns the head of a line without its newline, and the JSON object in the
// line. The error is a *form.NewerError if a newer zeekfleet has written the line.
func readHead(line []byte) (h journal.Head, object []byte, err error) {
	h, object, _, err = journal.ReadHead(line)
	return h, object, err
}

// headOf is readHead for a journal.
func headOf(line []byte) (journal.Head, error) {
	h, _, err := readHead(line)
	return h, err
}

// decode returns the record in the JSON object of a line.
func decode(h journal.Head, object []byte) (mgmt.AuditRecord, error) {
	var r record1
	if err := form.Decode(object, &r); err != nil {
		return mgmt.AuditRecord{}, err
	}
	role, err := parseRole(r.Role)
	if err != nil {
		return mgmt.AuditRecord{}, err
	}
	return mgmt.AuditRecord{
		Seq: h.Seq, Time: h.Time, Who: r.Who, Role: role, Source: r.Source, Request: r.Request, Subject: r.Subject, Operation: mgmt.OperationID(r.Operation),
		Outcome: mgmt.AuditOutcome(r.Outcome), Reason: r.Reason, Revision: r.Revision, Times: r.Times,
	}, nil
}

func parseRole(text string) (mgmt.UserRole, error) {
	for _, role := range []mgmt.UserRole{mgmt.NoUser, mgmt.Viewer, mgmt.Operator, mgmt.Admin} {
		if role.String() == text {
			return role, nil
		}
	}
	return 0, fmt.Errorf("%.40q is not a role", text)
}
