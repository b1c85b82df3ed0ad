package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// registerAudit adds the audit.
func (a *routes) registerAudit() {
	register(a, operation{
		id: "read-audit", method: http.MethodGet, path: api.PathAudit, may: access.ReadAudit,
		summary: "Read the audit, the oldest record first",
		details: "With wait, the controller waits until there is a record to show. " +
			"With the header Accept: " + api.ContentNDJSON + ", the answer has one record a line.",
		errors: []int{http.StatusNotImplemented},
	}, a.s.readAudit)
}

type auditInput struct {
	Since  time.Time `query:"since" doc:"Show what happened since then."`
	User   string    `query:"user" maxLength:"300" doc:"Show what this user asked for."`
	After  uint64    `query:"after" doc:"Show the records after the one with this number."`
	Limit  int       `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"How many records to show at most."`
	Latest bool      `query:"latest" doc:"If there are more than limit, show the latest ones, and not the oldest."`
	Wait   int       `query:"wait" minimum:"0" maximum:"60" doc:"How many seconds to wait for a record if there is none."`
}

func (s *Server) readAudit(ctx context.Context, in *auditInput) (*pageOutput[api.AuditRecord], error) {
	if err := s.mayReadAudit(askerOf(ctx)); err != nil {
		return nil, err
	}
	if s.cfg.Audit == nil {
		return nil, problem(http.StatusNotImplemented, "this controller keeps no audit")
	}
	found, err := s.awaitRecords(ctx, *in)
	if err != nil {
		return nil, problem(http.StatusInternalServerError, err.Error())
	}
	if in.Wait > 0 { // meanwhile the asker may have lost the role
		who, err := askerOf(ctx).again()
		if err != nil {
			s.refusing(who, access.ReadAudit.Name, "", err.Error())
			return nil, problem(http.StatusUnauthorized, err.Error())
		}
		if err := s.mayReadAudit(who); err != nil {
			return nil, err
		}
	}
	page := api.Page[api.AuditRecord]{Items: []api.AuditRecord{}}
	for _, r := range found {
		page.Items = append(page.Items, api.AuditRecord{
			Seq: r.Seq, Time: utc(r.Time), Who: r.Who, Role: r.Role.String(), Source: r.Source, Request: r.Request, Subject: r.Subject,
			Operation: uint64(r.Operation), Outcome: string(r.Outcome), Reason: r.Reason, Revision: r.Revision, Times: r.Times,
		})
	}
	if len(found) == in.Limit {
		page.Next = strconv.FormatUint(found[len(found)-1].Seq, 10)
	}
	return &pageOutput[api.AuditRecord]{page}, nil
}

// mayReadAudit returns an error, which the audit has as well, if the asker may not read the
// audit.
func (s *Server) mayReadAudit(who asker) error {
	if who.Role >= access.ReadAudit.May {
		return nil
	}
	reason := access.Denied(who.Principal, "read the audit", access.ReadAudit.May)
	s.refusing(who, access.ReadAudit.Name, "", reason)
	return problem(http.StatusForbidden, reason)
}

// awaitRecords returns the records that are asked for. If there are none, it waits as
// long as the asker wishes.
func (s *Server) awaitRecords(ctx context.Context, in auditInput) ([]mgmt.AuditRecord, error) {
	patience, cancel := patience(ctx, s, in.Wait)
	defer cancel()
	query := audit.Query{Since: in.Since, User: in.User, After: in.After, Limit: in.Limit, Latest: in.Latest}
	for {
		newest := s.cfg.Audit.Newest()
		found, err := s.cfg.Audit.Read(query)
		if err != nil || len(found) > 0 || in.Wait == 0 {
			return found, err
		}
		query.After = max(query.After, newest)
		if s.cfg.Audit.Wait(patience, query.After) != nil {
			return nil, nil
		}
	}
}
