package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
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

// Audit prints a part of the audit, oldest first: a table, or JSON lines.
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
		if err := a.printAudit(records, true); err != nil || !req.Follow {
			return err
		}
		return a.follow(ctx, client, q, cmp.Or(req.Pause, time.Second))
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
func (a Admin) follow(ctx context.Context, client *api.Client, q api.AuditQuery, pause time.Duration) error {
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
		if err := a.printAudit(page, false); err != nil {
			return err
		}
	}
}

// isAway reports whether a controller has not answered, or cannot answer now, and may later.
func (a Admin) isAway(err error) bool {
	if problem, ok := errors.AsType[*api.Problem](err); ok {
		return problem.Status >= http.StatusInternalServerError
	}
	if _, refused := a.certificateRefused(a.where(), err); refused {
		return false
	}
	_, network := errors.AsType[*net.OpError](err)
	return network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func (a Admin) printAudit(records []api.AuditRecord, head bool) error {
	return writeAudit(a.Stdout, records, a.AsJSON, head)
}

// WriteAudit prints records of a daemon's own audit: a table, or JSON lines as the HTTP API
// has them.
func WriteAudit(w io.Writer, records []mgmt.AuditRecord, asJSON bool) error {
	list := make([]api.AuditRecord, len(records))
	for i, r := range records {
		list[i] = api.AuditRecord{
			Seq: r.Seq, Time: r.Time.UTC(), Who: r.Who, Role: r.Role.String(), Source: r.Source, Request: r.Request, Subject: r.Subject,
			Outcome: string(r.Outcome), Reason: r.Reason, Revision: r.Revision, Times: r.Times,
		}
	}
	return writeAudit(w, list, asJSON, true)
}

func writeAudit(out io.Writer, records []api.AuditRecord, asJSON, head bool) error {
	if asJSON {
		for _, r := range records {
			if err := writeJSON(out, r, false); err != nil {
				return err
			}
		}
		return nil
	}
	w := newTable(out)
	if head {
		writeRow(w, []string{"TIME (UTC)", "WHO", "ROLE", "FROM", "REQUEST", "SUBJECT", "OUTCOME", "WHY"})
	}
	for _, r := range records {
		outcome := r.Outcome
		if r.Times > 1 {
			outcome += fmt.Sprintf(" ×%d", r.Times)
		}
		subject := r.Subject
		if r.Revision != subject { // a configuration that was staged or deployed is both
			subject = strings.TrimSpace(subject + " " + r.Revision)
		}
		writeRow(w, []string{
			inUTC(r.Time, toTheSecond), cmp.Or(r.Who, "-"), r.Role, withoutPort(r.Source), r.Request, cmp.Or(shortWords(subject), "-"),
			outcome, cmp.Or(r.Reason, "-"),
		})
	}
	return w.Flush()
}

// withoutPort returns the host of a source. The port of a client tells a person nothing.
func withoutPort(source string) string {
	if host, _, err := net.SplitHostPort(source); err == nil {
		return host
	}
	return cmp.Or(source, "-")
}

// longID is a serial number, a hash or the ID of a configuration.
var longID = regexp.MustCompile(`\b[0-9a-f]{8}[0-9a-f-]{16,}\b`)

// shortWords shortens the IDs in a text, so that a row fits a terminal. JSON has them whole.
func shortWords(text string) string {
	return longID.ReplaceAllStringFunc(text, func(id string) string { return id[:8] })
}
