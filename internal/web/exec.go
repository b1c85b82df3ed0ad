package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// registerHostTools adds what admins and operators do with hosts.
func registerHostTools(a *routes) {
	s := hosting{views{a.s}}
	register(a, operation{
		id: "exec", method: http.MethodPost, path: api.PathInstances + "/{instance}/exec", may: rowOfStream(mgmt.StreamExec),
		summary: "Run a command on the host of an instance",
		details: "The operator of the host must have allowed it, in the setting agent.exec there. " +
			"It runs without a shell, for at most 45 seconds. The audit has who asked for what.",
		errors: []int{http.StatusNotFound, http.StatusBadGateway, http.StatusNotImplemented, http.StatusServiceUnavailable},
	}, s.exec)
	register(a, operation{
		id: "get-host-settings", method: http.MethodGet, path: api.PathInstances + "/{instance}/settings", may: rowOfStream(mgmt.StreamSettings),
		summary: "Show settings of the kernel and of the network cards of a host",
		errors:  []int{http.StatusNotFound, http.StatusBadGateway, http.StatusNotImplemented},
	}, s.getHostSettings)
}

type execInput struct {
	Instance string `path:"instance" maxLength:"300"`
	Body     api.ExecRequest
}

// execWait is how long the controller waits for the end of a command.
const execWait = mgmt.MaxHostCommandTime + 5*time.Second

func (s hosting) exec(ctx context.Context, in *execInput) (*bodyOutput[api.ExecResult], error) {
	who, row := askerOf(ctx), rowOfStream(mgmt.StreamExec)
	subject := in.Instance + ": " + commandText(in.Body.Argv)
	if err := mayUse(ctx, s.views, mgmt.StreamExec, subject); err != nil {
		return nil, err
	}
	q := mgmt.ExecQuery{Argv: in.Body.Argv, Who: who.Name}
	if err := q.Check(); err != nil {
		return nil, problem(http.StatusUnprocessableEntity, err.Error())
	}
	record := mgmt.AuditRecord{Who: who.Name, Role: who.Role, Source: source(who.conn), Request: row.Name, Subject: subject, Outcome: mgmt.AuditBegun}
	s.cfg.Recorded(record)
	var r mgmt.ExecReport
	err := fetchWithin(ctx, s.views, execWait, mgmt.InstanceName(in.Instance), mgmt.StreamExec, q, &r)
	if err != nil {
		record.Outcome, record.Reason = mgmt.AuditFailed, err.Error()
		s.cfg.Recorded(record)
		return nil, untold(err)
	}
	if record.Outcome = mgmt.AuditDone; r.Failure != "" {
		record.Outcome, record.Reason = mgmt.AuditFailed, r.Failure
	}
	s.cfg.Recorded(record)
	return &bodyOutput[api.ExecResult]{api.ExecResult{
		Instance: in.Instance, Exit: r.Exit, Failure: r.Failure, Output: r.Output, Cut: r.Cut, User: r.User, Seconds: r.Took.Seconds(),
	}}, nil
}

// commandText returns a command for the audit.
func commandText(argv []string) string {
	const most = 300
	text := strings.Join(argv, " ")
	return text[:min(len(text), most)]
}

func (s hosting) getHostSettings(ctx context.Context, in *hardwareInput) (*bodyOutput[api.HostSettings], error) {
	if err := mayUse(ctx, s.views, mgmt.StreamSettings, in.Instance); err != nil {
		return nil, err
	}
	var h mgmt.HostSettings
	if err := s.fetch(ctx, mgmt.InstanceName(in.Instance), mgmt.StreamSettings, nil, &h); err != nil {
		return nil, untold(err)
	}
	body := api.HostSettings{Instance: in.Instance, Files: h.Files, Cards: h.Cards, More: h.More}
	if body.Files == nil {
		body.Files = map[string]string{}
	}
	if body.Cards == nil {
		body.Cards = map[string]map[string]string{}
	}
	return &bodyOutput[api.HostSettings]{body}, nil
}

// mayUse refuses an asker whose role is too low for a kind of streams.
func mayUse(ctx context.Context, s views, kind mgmt.StreamKind, subject string) error {
	row := rowOfStream(kind)
	if askerOf(ctx).Role >= row.May {
		return nil
	}
	why := row.Forbids(askerOf(ctx).Principal)
	s.refusing(askerOf(ctx), row.Name, subject, why)
	return problem(http.StatusForbidden, why)
}
