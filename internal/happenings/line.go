package happenings

import (
	"bytes"
	"errors"
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

// record1 is form 1 of a record. Alert and Severity came later: a line without them is the same as
// before, and an earlier program skips a line with them. Its line is sealed by package durable. The order of the
// first four fields is part of the form.
type record1 struct {
	Version   int    `json:"version"`
	Seq       uint64 `json:"seq"`
	Time      string `json:"time"`
	Heard     string `json:"heard,omitempty"`
	Kind      string `json:"kind"`
	Instance  string `json:"instance,omitempty"`
	Node      string `json:"node,omitempty"`
	Operation uint64 `json:"operation,omitempty"`
	Revision  uint64 `json:"revision,omitempty"`
	From      string `json:"from,omitempty"`
	To        string `json:"to,omitempty"`
	Cause     string `json:"cause,omitempty"`
	Who       string `json:"who,omitempty"`
	PID       int64  `json:"pid,omitempty"`
	Log       string `json:"log,omitempty"`
	LogSeq    uint64 `json:"log_seq,omitempty"`
	Alert     string `json:"alert,omitempty"`
	Severity  string `json:"severity,omitempty"`
}

// Record is a line of a log.
type Record struct {
	mgmt.Happening
	// Log is the identity of the agent's log from which this is a copy, and LogSeq is the
	// number there. Empty means that it is no copy.
	Log    string
	LogSeq uint64
}

// The longest texts of a record, in bytes. Longer texts are cut.
const (
	maxName  = 255
	maxWord  = 64
	maxCause = 1024
	maxAlert = 1000
)

// maxLine bounds a line, in bytes. JSON may need six bytes for one byte of a text.
const maxLine = 24 << 10

// encode returns the line of a record.
func encode(r Record) []byte {
	heard := ""
	if !r.Heard.IsZero() {
		heard = r.Heard.UTC().Format(time.RFC3339Nano)
	}
	return durable.Seal(form.Encode(record1{
		Version: version, Seq: r.Seq, Time: r.Time.UTC().Format(time.RFC3339Nano), Heard: heard, Kind: cut(string(r.Kind), maxWord),
		Instance: cut(string(r.Instance), maxName), Node: cut(string(r.Node), maxName),
		Operation: uint64(r.Operation), Revision: r.Revision, From: cut(r.From, maxWord), To: cut(r.To, maxWord),
		Cause: cut(r.Cause, maxCause), Who: cut(r.Who, maxName), PID: r.PID, Log: cut(r.Log, maxWord), LogSeq: r.LogSeq,
		Alert: cut(r.Alert, maxAlert), Severity: cut(string(r.Severity), maxWord),
	}))
}

// cut returns text, or the start of it if it is longer than most bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len("…")], "") + "…"
}

// readHead returns the head of a line without its newline, and the JSON object in the
// line. The error is a *form.NewerError if a newer zeekfleet has written the line.
func readHead(line []byte) (h journal.Head, object []byte, err error) {
	h, object, rest, err := journal.ReadHead(line)
	if err != nil {
		return journal.Head{}, nil, err
	}
	if moment, ok := bytes.CutPrefix(rest, []byte(`,"heard":"`)); ok {
		moment, _, _ = bytes.Cut(moment, []byte(`"`))
		if h.Written, err = time.Parse(time.RFC3339Nano, string(moment)); err != nil {
			return journal.Head{}, nil, fmt.Errorf("the time at which a record was heard: %w", err)
		}
	}
	return h, object, nil
}

// headOf is readHead for a journal.
func headOf(line []byte) (journal.Head, error) {
	h, _, err := readHead(line)
	return h, err
}

// decode returns the record in the JSON object of a line.
func decode(h journal.Head, object []byte) (Record, error) {
	r, plain := readPlain(object)
	if !plain {
		r = record1{}
		if err := form.Decode(object, &r); err != nil {
			return Record{}, err
		}
	}
	if r.Kind == "" {
		return Record{}, errors.New("a record without a kind")
	}
	return Record{
		Happening: mgmt.Happening{
			Seq: h.Seq, Time: h.Time, Heard: h.Written, Kind: mgmt.HappeningKind(r.Kind), Instance: mgmt.InstanceName(r.Instance),
			Node: mgmt.NodeName(r.Node), Operation: mgmt.OperationID(r.Operation), Revision: r.Revision, From: r.From, To: r.To,
			Cause: r.Cause, Who: r.Who, PID: r.PID,
			Alert: r.Alert, Severity: mgmt.AlertSeverity(r.Severity),
		},
		Log: r.Log, LogSeq: r.LogSeq,
	}, nil
}
