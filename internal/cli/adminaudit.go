package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/lazy"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// AuditRequest says which part of the audit to print.
type AuditRequest struct {
	// Since is how far to look back. Zero means as far as the audit goes.
	Since time.Duration
	User  string
	// Limit bounds the records from before now: the newest are printed. Zero means no
	// bound.
	Limit int
	// Follow goes on with records as they come, until ctx ends.
	Follow bool
	// Pause is the time between two attempts to reach a controller that is away. Zero means
	// a second.
	Pause time.Duration
}

const (
	// auditPage is how many records one request asks for.
	auditPage = 500
	// auditWait is how long one request waits for a record.
	auditWait = 20 * time.Second
)

// Audit prints a part of the audit, oldest first: a table, or data with one record a line.
func (a Admin) Audit(ctx context.Context, req AuditRequest) int {
	status := a.ask(ctx, func(client *api.Client) error {
		q := api.AuditQuery{User: req.User, Limit: auditPage}
		if req.Since > 0 {
			q.Since = time.Now().Add(-req.Since)
		}
		records, err := auditUntilNow(ctx, client, &q, req.Limit)
		if err != nil {
			return err
		}
		out := newAuditStream(a.output())
		if err := out.print(records); err != nil || !req.Follow {
			return err
		}
		return a.follow(ctx, client, q, out, cmp.Or(req.Pause, time.Second))
	})
	if req.Follow && ctx.Err() != nil { // the user has ended it
		return StatusDone
	}
	return status
}

// auditUntilNow returns the last limit records up to now, and makes q ask for those after.
func auditUntilNow(ctx context.Context, client *api.Client, q *api.AuditQuery, limit int) ([]api.AuditRecord, error) {
	var all []api.AuditRecord
	for {
		page, err := client.Audit(ctx, *q)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); limit > 0 && len(all) > limit {
			all = all[len(all)-limit:]
		}
		if len(page) == 0 {
			return all, nil
		}
		q.After = page[len(page)-1].Seq
	}
}

// follow prints records as they come. If the controller is away for a while, it goes on
// after the last record.
func (a Admin) follow(ctx context.Context, client *api.Client, q api.AuditQuery, out auditStream, pause time.Duration) error {
	q.Wait = auditWait
	away := false
	for {
		page, err := client.Audit(ctx, q)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !a.isAway(err):
			return err
		case err != nil:
			if !away {
				a.Log.Warning("%s; the audit goes on when the controller is back", a.askMessage(err))
			}
			away = true
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		case away:
			away = false
			a.Log.Notice("controller %s is back", a.where())
		}
		if len(page) == 0 {
			continue
		}
		q.After = page[len(page)-1].Seq
		if err := out.print(page); err != nil {
			return err
		}
	}
}

// isAway reports whether a controller has not answered, or cannot answer now, and may later.
func (c *Commands) isAway(err error) bool {
	if problem, ok := errors.AsType[*api.Problem](err); ok {
		return problem.Status >= http.StatusInternalServerError
	}
	if _, refused := c.certificateRefused(c.where(), err); refused {
		return false
	}
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// WriteAudit prints records of a daemon's own audit: a table, or data as the HTTP API has
// it.
func WriteAudit(out show.Settings, records []mgmt.AuditRecord) error {
	list := make([]api.AuditRecord, len(records))
	for i, r := range records {
		list[i] = api.AuditRecord{
			Seq: r.Seq, Time: r.Time.UTC(), Who: r.Who, Role: r.Role.String(), Source: r.Source, Request: r.Request, Subject: r.Subject,
			Operation: uint64(r.Operation), Outcome: string(r.Outcome), Reason: r.Reason, Revision: r.Revision, Times: r.Times,
		}
	}
	return newAuditStream(out).print(list)
}

// auditStream prints records of an audit.
type auditStream struct{ *show.Stream }

func newAuditStream(out show.Settings) auditStream {
	return auditStream{show.NewStream(out, []show.Column{
		{Head: "TIME (UTC)"}, {Head: "WHO"}, {Head: "ROLE", Drop: 2}, {Head: "FROM", Drop: 1}, {Head: "REQUEST"}, {Head: "SUBJECT"},
		{Head: "OUTCOME"}, {Head: "WHY", Least: 20, Wraps: true},
	})}
}

func (s auditStream) print(records []api.AuditRecord) error {
	return show.StreamOf(s.Stream, records, auditRow)
}

func auditRow(r api.AuditRecord) []show.Cell {
	outcome := show.Cell{Text: r.Outcome}
	if o := mgmt.AuditOutcome(r.Outcome); o == mgmt.AuditRefused || o == mgmt.AuditFailed {
		outcome.Tone = show.Bad
	}
	if mgmt.AuditOutcome(r.Outcome) == mgmt.AuditInterrupted {
		outcome.Tone = show.Warning
	}
	if r.Times > 1 {
		outcome.Text += fmt.Sprintf(" ×%d", r.Times)
	}
	subject := r.Subject
	if r.Revision != subject { // a configuration that was staged or deployed is both
		subject = strings.TrimSpace(subject + " " + r.Revision)
	}
	why := r.Reason
	if r.Operation != 0 {
		why = strings.TrimSuffix(fmt.Sprintf("operation %d: %s", r.Operation, why), ": ")
	}
	row := show.Row(
		inUTC(r.Time, toTheSecond), cmp.Or(r.Who, "-"), r.Role, withoutPort(r.Source), r.Request, cmp.Or(shortWords(subject), "-"),
		"", cmp.Or(why, "-"),
	)
	row[6] = outcome
	return row
}

// withoutPort returns the host of a source. The port of a client tells a person nothing.
func withoutPort(source string) string {
	if host, _, err := net.SplitHostPort(source); err == nil {
		return host
	}
	return cmp.Or(source, "-")
}

// longID is a serial number, a hash or the ID of a configuration.
var longID = lazy.Regexp(`\b[0-9a-f]{8}[0-9a-f-]{16,}\b`)

// shortWords shortens the IDs in a text, so that a row fits a terminal. JSON has them whole.
func shortWords(text string) string {
	return longID().ReplaceAllStringFunc(text, func(id string) string { return id[:8] })
}
