package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/resources"
)

// Controllers is what the server needs of the controllers of the cluster. An error that is a
// *RefusedError says why a request was not carried out. Any other error means that the store
// of the controllers did not answer.
type Controllers interface {
	// Report must not wait for other hosts.
	Report(ctx context.Context) (*mgmt.ControllersReport, error)
	// Changed returns a channel that is closed when the next Report may differ.
	Changed() <-chan struct{}
	// Join makes a controller a member. The token proves that it may be one; who has only the
	// address from which it asks.
	Join(ctx context.Context, who mgmt.Principal, in api.ControllerJoin) (api.ControllerJoined, error)
	// Remove removes a controller for good. It records in the audit what it does.
	Remove(ctx context.Context, who mgmt.Principal, name string) error
	// HandOver makes another controller lead, and returns when it does. An empty name means any
	// other one. It records in the audit what it does. It goes on when the server of the term
	// retires, and when ctx is done.
	HandOver(ctx context.Context, who mgmt.Principal, to string) error
}

// RefusedError is why a request about controllers was not carried out.
type RefusedError struct{ access.Refusal }

func (r *RefusedError) Error() string { return r.Reason }

// controllers are the operations about the controllers of the cluster.
type controllers struct{ *Server }

// registerControllers adds the controllers of the cluster.
func registerControllers(a *routes) {
	s := controllers{a.s}
	register(a, operation{
		id: "list-controllers", method: http.MethodGet, path: api.PathControllers, may: access.ListControllers,
		summary: "List the controllers of the cluster, and say which one leads",
		details: "A controller that has no others lists itself.", errors: []int{http.StatusServiceUnavailable},
	}, s.list)
	register(a, operation{
		id: "join-controller", method: http.MethodPost, path: api.PathControllers, may: access.RowOf(access.JoinController{}), anybody: true, attempt: true,
		summary: "Join the cluster as a controller",
		errors:  []int{http.StatusUnauthorized, http.StatusConflict, http.StatusNotImplemented, http.StatusServiceUnavailable},
	}, s.join)
	register(a, operation{
		id: "remove-controller", method: http.MethodDelete, path: api.PathControllers + "/{name}", may: access.RemoveController, status: http.StatusNoContent,
		summary: "Remove a controller from the cluster for good",
		details: "Its certificates are revoked. If it leads, another one leads first.",
		errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusNotImplemented, http.StatusServiceUnavailable},
	}, s.remove)
	register(a, operation{
		id: "lead-controller", method: http.MethodPost, path: api.PathControllers + "/{name}/lead", may: access.LeadController, status: http.StatusNoContent,
		summary: "Make another controller lead",
		details: "The name " + api.AnyController + " means any other one than that which leads now.",
		errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusNotImplemented, http.StatusServiceUnavailable},
	}, s.lead)
	register(a, operation{
		id: "backup", method: http.MethodGet, path: api.PathBackup, may: access.Backup,
		summary: "Read a backup of what the controllers keep",
		details: "It is a tar file, and has the secrets of the cluster in it. The asker must be root, or the controller's own user, on the controller's host. A backup that is not whole ends without the end of the answer.",
		errors:  []int{http.StatusNotImplemented, http.StatusServiceUnavailable},
	}, s.backup)
	a.huma.OpenAPI().Paths[api.PathBackup].Get.Responses["200"].Content = octets()
	register(a, operation{
		id: "pulse", method: http.MethodGet, path: api.PathPulse, anybody: true,
		summary: "Say whether this controller serves, and which one leads",
		details: "The controllers ask each other.",
	}, s.pulse)
}

var errOneController = access.Refusal{
	Why: access.Unavailable, Reason: "this controller is no member of a cluster of controllers: start it with --cluster (controller.cluster)",
}

// others returns the controllers of the cluster, if the asker has the role and the controller
// has others.
func (s controllers) others(ctx context.Context, row access.Row, subject string) (Controllers, error) {
	if who := askerOf(ctx); who.Role < row.May {
		reason := row.Forbids(who.Principal)
		s.refusing(who, row.Name, subject, reason)
		return nil, problem(http.StatusForbidden, reason)
	}
	if s.cfg.Controllers == nil {
		return nil, refused(errOneController)
	}
	return s.cfg.Controllers, nil
}

// failed returns the error of an operation that the controllers have not carried out.
func (s controllers) failed(err error) error {
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return refused(r.Refusal)
	}
	return problem(http.StatusServiceUnavailable, "the store of the controllers did not answer: "+err.Error())
}

// report returns what the controller knows of all controllers.
func (s controllers) report(ctx context.Context) (*mgmt.ControllersReport, error) {
	if s.cfg.Controllers != nil {
		return s.cfg.Controllers.Report(ctx)
	}
	self := mgmt.ControllerMember{Name: s.cfg.Name, Role: mgmt.ControllerLeads, Version: s.cfg.Version, Clients: s.cfg.Addresses}
	return &mgmt.ControllersReport{Leader: s.cfg.Name, Self: s.cfg.Name, Members: []mgmt.ControllerMember{self}}, nil
}

func (s controllers) list(ctx context.Context, _ *struct{}) (*bodyOutput[api.Controllers], error) {
	report, err := s.report(ctx)
	if err != nil {
		return nil, s.failed(err)
	}
	return &bodyOutput[api.Controllers]{resources.Controllers(report)}, nil
}

func (s controllers) join(ctx context.Context, in *bodyInput[api.ControllerJoin]) (*bodyOutput[api.ControllerJoined], error) {
	all, err := s.others(ctx, access.RowOf(access.JoinController{}), in.Body.Name)
	if err != nil {
		return nil, err
	}
	joined, err := all.Join(ctx, askerOf(ctx).Principal, in.Body)
	if err != nil {
		return nil, s.failed(err)
	}
	return &bodyOutput[api.ControllerJoined]{joined}, nil
}

type controllerInput struct {
	Name string `path:"name" maxLength:"300"`
}

func (s controllers) remove(ctx context.Context, in *controllerInput) (*struct{}, error) {
	all, err := s.others(ctx, access.RemoveController, in.Name)
	if err != nil {
		return nil, err
	}
	if err := all.Remove(ctx, askerOf(ctx).Principal, in.Name); err != nil {
		return nil, s.failed(err)
	}
	return nil, nil
}

func (s controllers) lead(ctx context.Context, in *controllerInput) (*struct{}, error) {
	all, err := s.others(ctx, access.LeadController, in.Name)
	if err != nil {
		return nil, err
	}
	name := in.Name
	if name == api.AnyController {
		name = ""
	}
	if err := all.HandOver(ctx, askerOf(ctx).Principal, name); err != nil {
		return nil, s.failed(err)
	}
	return nil, nil
}

// backup answers with a backup. Who asks could read the controller's files.
func (s controllers) backup(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
	who := askerOf(ctx)
	if who.Role < access.Backup.May {
		reason := access.Backup.Forbids(who.Principal)
		s.refusing(who, access.Backup.Name, "", reason)
		return nil, problem(http.StatusForbidden, reason)
	}
	if s.cfg.Backup == nil {
		return nil, problem(http.StatusNotImplemented, "this controller makes no backups")
	}
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		r, w := humago.Unwrap(answer)
		out := &patient{ResponseWriter: w, out: http.NewResponseController(w), patience: s.cfg.StreamPatience}
		SendBackup(out, r, who.conn.Own, who.Principal, s.cfg.Backup, func(record mgmt.AuditRecord) {
			if record.Outcome == mgmt.AuditRefused {
				s.cfg.Refused(record)
			} else {
				s.cfg.Recorded(record)
			}
		})
	}}, nil
}

// SendBackup answers with a backup, which write writes. own says that the asker is root, or the
// controller's own user, on this host. record takes what became of it. w must bound the time
// for each part.
func SendBackup(
	w http.ResponseWriter, r *http.Request, own bool, who mgmt.Principal, write func(context.Context, io.Writer) error, record func(mgmt.AuditRecord),
) {
	rec := mgmt.AuditRecord{Who: who.Name, Role: who.Role, Source: who.Source, Request: access.Backup.Name, Outcome: mgmt.AuditDone}
	if !own {
		rec.Outcome, rec.Reason = mgmt.AuditRefused, "a backup has all secrets of the cluster in it: only root and the controller's own user get one, on the controller's host"
		record(rec)
		writeProblem(w, http.StatusForbidden, rec.Reason)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="zeekfleet-backup.tar"`)
	out := &begun{Writer: w}
	err := write(r.Context(), out)
	if err != nil {
		rec.Outcome, rec.Reason = mgmt.AuditFailed, err.Error()
	}
	record(rec)
	switch {
	case err == nil:
	case out.began:
		panic(http.ErrAbortHandler) // what was sent is no backup
	default:
		w.Header().Del("Content-Disposition")
		writeProblem(w, http.StatusServiceUnavailable, fmt.Sprintf("there is no backup: %v", err))
	}
}

// begun is a writer that knows whether something was written.
type begun struct {
	io.Writer
	began bool
}

func (b *begun) Write(part []byte) (int, error) {
	b.began = true
	return b.Writer.Write(part)
}

// patient is an answer whose reader has the patience for each part of it.
type patient struct {
	http.ResponseWriter
	out      *http.ResponseController
	patience time.Duration
}

func (p *patient) Write(part []byte) (int, error) {
	if err := p.out.SetWriteDeadline(time.Now().Add(p.patience)); err != nil {
		return 0, err
	}
	return p.ResponseWriter.Write(part)
}

func (s controllers) pulse(ctx context.Context, _ *struct{}) (*bodyOutput[api.Pulse], error) {
	beat := api.Pulse{Name: s.cfg.Name, Leads: true, Leader: s.cfg.Name}
	if s.cfg.Controllers != nil {
		if report, err := s.cfg.Controllers.Report(ctx); err == nil {
			beat.Term, beat.Leader, beat.Leads = report.Term, report.Leader, report.Leader == s.cfg.Name
		}
	}
	if s.cfg.Leads != nil {
		beat.Leads = s.cfg.Leads()
	}
	return &bodyOutput[api.Pulse]{beat}, nil
}
