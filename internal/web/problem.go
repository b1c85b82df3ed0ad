package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zeekfleet/zeekfleet/internal/access"
)

// statuses are the HTTP statuses of the kinds of refusals.
var statuses = map[access.Why]int{
	access.Forbidden:   http.StatusForbidden,
	access.Invalid:     http.StatusUnprocessableEntity,
	access.NotFound:    http.StatusNotFound,
	access.Conflict:    http.StatusConflict,
	access.Limited:     http.StatusInsufficientStorage,
	access.Failed:      http.StatusInternalServerError,
	access.Unavailable: http.StatusNotImplemented,
	access.Unproved:    http.StatusUnauthorized,
	access.Undelivered: http.StatusBadGateway,
}

// problem returns the error of an operation with this status. detail is one line for a
// person.
//
// The compiler does not copy it into its many callers (docs/decisions/0059).
//
//go:noinline
func problem(status int, detail string) error { return huma.NewError(status, detail) }

// refused returns the error of an operation that the authority has refused.
func refused(r access.Refusal) error {
	status := statuses[r.Why]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	return problem(status, r.Reason)
}

var errNoAuthority = access.Refusal{
	Why: access.Unavailable, Reason: "this controller has no authority, no users and no tokens, because it runs with insecure",
}

// ask makes a request to the authority. It returns an error unless the answer is an A.
func ask[A access.Answer](ctx context.Context, s *Server, req access.Request) (A, error) {
	var none A
	if s.cfg.Authority == nil {
		return none, refused(errNoAuthority)
	}
	answer, err := s.cfg.Authority.Ask(ctx, askerOf(ctx).Principal, req)
	switch answer := answer.(type) {
	case nil:
		return none, unavailable(err)
	case A:
		return answer, nil
	case access.Refusal:
		return none, refused(answer)
	}
	panic(fmt.Sprintf("web: the authority has answered %T with %T", req, answer))
}

// unavailable returns the error of an operation whose part of the controller did not
// answer.
func unavailable(err error) error {
	return problem(http.StatusServiceUnavailable, fmt.Sprintf("the controller is stopping, or did not answer in time: %v", err))
}

// oneLine makes one line of what huma says about a request, without the texts that were
// refused: they may be secrets.
func oneLine(_ huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok || len(p.Errors) == 0 {
		return v, nil
	}
	var reasons []string
	const most = 5 // reasons
	for i, e := range p.Errors {
		if i == most {
			reasons = append(reasons, "and more")
			break
		}
		if e == nil {
			continue
		}
		at := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(e.Location, "body."), "query."), "path.")
		if at != "" && at != "body" {
			at += ": "
		}
		reasons = append(reasons, strings.TrimPrefix(at, "body")+e.Message)
	}
	detail := strings.Join(reasons, "; ")
	if p.Status >= http.StatusInternalServerError {
		detail = p.Detail + ": " + detail
	}
	return &huma.ErrorModel{Title: p.Title, Status: p.Status, Detail: detail}, nil
}
