package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// alerts are the operations about alerts.
type alerts struct{ *Server }

// registerAlerts adds alerts, silences and receivers.
func (a *routes) registerAlerts() {
	s := alerts{a.s}
	look := access.RowOfAlerts(access.ListAlerts{})
	register(a, operation{
		id: "list-alerts", method: http.MethodGet, path: api.PathAlerts, may: look,
		summary: "List alerts, those that need a person first",
		details: "An alert that has ended is shown for a day.",
	}, s.list)
	register(a, operation{
		id: "acknowledge-alert", method: http.MethodPost, path: api.PathAcknowledge, may: access.RowOfAlerts(access.AcknowledgeAlert{}),
		summary: "Say that a person knows of an alert",
		details: "Receivers are not reminded of it any more. It goes on firing until the trouble ends.",
		errors:  []int{http.StatusNotFound, http.StatusConflict, http.StatusNotImplemented},
	}, s.acknowledge)
	register(a, operation{
		id: "list-receivers", method: http.MethodGet, path: api.PathAlertReceivers, may: look,
		summary: "List the receivers of alerts, and how they are",
	}, s.receivers)
	register(a, operation{
		id: "test-receiver", method: http.MethodPost, path: api.PathAlertReceivers + "/{name}/test", may: access.RowOfAlerts(access.TestReceiver{}),
		status: http.StatusNoContent, summary: "Send a test message to a receiver",
		details: "It is sent once, at once, and beside what waits. The answer is 502 with the reason if the receiver does not take it.",
		errors:  []int{http.StatusNotFound, http.StatusBadGateway, http.StatusNotImplemented},
	}, s.test)
	register(a, operation{
		id: "list-silences", method: http.MethodGet, path: api.PathSilences, may: look,
		summary: "List the silences that have not ended",
	}, s.silences)
	register(a, operation{
		id: "make-silence", method: http.MethodPost, path: api.PathSilences, may: access.RowOfAlerts(access.MakeSilence{}), status: http.StatusCreated,
		summary: "Keep receivers from being told of some alerts for a time",
		details: "The alerts are shown all the same. One that still fires when the silence ends is told then.",
		errors:  []int{http.StatusInsufficientStorage, http.StatusNotImplemented},
	}, s.silence)
	register(a, operation{
		id: "end-silence", method: http.MethodDelete, path: api.PathSilences + "/{id}", may: access.RowOfAlerts(access.EndSilence{}),
		status: http.StatusNoContent, summary: "End a silence before its time", errors: []int{http.StatusNotFound, http.StatusNotImplemented},
	}, s.endSilence)
}

// book returns what is known of alerts.
func (s *Server) book() *mgmt.AlertBook {
	if s.cfg.Alerts == nil {
		return &mgmt.AlertBook{}
	}
	return s.cfg.Alerts.Book()
}

type alertsInput struct {
	PageInput
	State    string `query:"state" enum:"pending,firing,resolved" doc:"Show alerts in this state."`
	Severity string `query:"severity" enum:"critical,warning" doc:"Show alerts of this severity."`
	Rule     string `query:"rule" maxLength:"64" doc:"Show alerts of this rule."`
	Instance string `query:"instance" maxLength:"300" doc:"Show alerts about this instance and its nodes."`
	Node     string `query:"node" maxLength:"300" doc:"Show alerts about this node."`
}

func (in *alertsInput) wants(a *mgmt.Alert) bool {
	is := func(filter, value string) bool { return filter == "" || filter == value }
	return is(in.State, string(a.State)) && is(in.Severity, string(a.Severity)) && is(in.Rule, string(a.Rule)) &&
		is(in.Instance, string(a.Instance)) && is(in.Node, string(a.Node))
}

func (s alerts) list(_ context.Context, in *alertsInput) (*pageOutput[api.Alert], error) {
	list := s.book().Alerts
	page := api.Page[api.Alert]{Items: []api.Alert{}}
	// The order changes while somebody reads page after page. So a page begins after an ID,
	// wherever that is by now. If it is nowhere, the reader begins anew and misses nothing.
	if i := slices.IndexFunc(list, func(a mgmt.Alert) bool { return a.ID == in.After }); i >= 0 {
		list = list[i+1:]
	}
	for i := range list {
		if !in.wants(&list[i]) {
			continue
		}
		if len(page.Items) == in.Limit {
			page.Next = page.Items[in.Limit-1].ID
			break
		}
		page.Items = append(page.Items, alertOf(list[i]))
	}
	return &pageOutput[api.Alert]{page}, nil
}

func alertOf(a mgmt.Alert) api.Alert {
	one := api.Alert{
		ID: a.ID, Rule: string(a.Rule), Severity: string(a.Severity), State: string(a.State),
		Instance: string(a.Instance), Node: string(a.Node), Subject: a.Subject, Text: a.Text, Hint: a.Hint,
		Since: utc(a.Since), Fired: utc(a.Fired), Resolved: utc(a.Resolved), Unit: a.Unit,
	}
	if a.Unit != "" {
		one.Value, one.Limit = new(a.Value), new(a.Limit)
	}
	if m := a.Acknowledged; m != nil {
		one.Acknowledged = &api.AlertMark{Who: m.Who, Time: utc(m.Time), Note: m.Note}
	}
	if a.Silenced != nil {
		one.Silenced = new(silenceOf(*a.Silenced))
	}
	return one
}

func silenceOf(s mgmt.Silence) api.Silence {
	return api.Silence{
		ID: s.ID, Rule: string(s.Rule), Instance: string(s.Instance), Node: string(s.Node), Subject: s.Subject,
		Until: utc(s.Until), Who: s.Who, Time: utc(s.Time), Note: s.Note,
	}
}

// askAlerts makes a request. It returns an error unless the answer is an A.
func askAlerts[A access.Answer](ctx context.Context, s *Server, req access.AlertRequest) (A, error) {
	var none A
	who := askerOf(ctx)
	if row := access.RowOfAlerts(req); who.Role < row.May {
		reason := row.Forbids(who.Principal)
		s.refusing(who, row.Name, "", reason)
		return none, problem(http.StatusForbidden, reason)
	}
	if s.cfg.Alerts == nil {
		return none, problem(http.StatusNotImplemented, "this controller has no alerts")
	}
	answer, err := s.cfg.Alerts.Ask(ctx, who.Principal, req)
	switch answer := answer.(type) {
	case nil:
		return none, unavailable(err)
	case A:
		return answer, nil
	case access.Refusal:
		return none, refused(answer)
	}
	panic(fmt.Sprintf("web: %T was answered with %T", req, answer))
}

type acknowledgeInput struct{ Body api.AcknowledgeRequest }

func (s alerts) acknowledge(ctx context.Context, in *acknowledgeInput) (*bodyOutput[api.Alert], error) {
	done, err := askAlerts[access.Acknowledged](ctx, s.Server, access.AcknowledgeAlert{ID: in.Body.ID, Note: in.Body.Note})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[api.Alert]{alertOf(done.Alert)}, nil
}

func (s alerts) receivers(_ context.Context, in *PageInput) (*pageOutput[api.AlertReceiver], error) {
	var list []api.AlertReceiver
	for _, r := range s.book().Receivers {
		list = append(list, api.AlertReceiver{
			Name: r.Name, Kind: string(r.Kind), Target: r.Target, Failing: r.Failing, Since: utc(r.Since), Error: r.Error, Next: utc(r.Next),
			Waiting: r.Waiting, Delivered: r.Delivered, Last: utc(r.Last), Lost: r.Lost,
		})
	}
	return &pageOutput[api.AlertReceiver]{paged(list, *in, func(r api.AlertReceiver) string { return r.Name })}, nil
}

func (s alerts) test(ctx context.Context, in *NameInput) (*struct{}, error) {
	_, err := askAlerts[access.Done](ctx, s.Server, access.TestReceiver{Name: in.Name})
	return nil, err
}

func (s alerts) silences(_ context.Context, in *PageInput) (*pageOutput[api.Silence], error) {
	var list []api.Silence
	for _, one := range s.book().Silences {
		list = append(list, silenceOf(one))
	}
	return &pageOutput[api.Silence]{paged(list, *in, func(one api.Silence) string { return fmt.Sprintf("%020d", one.ID) })}, nil
}

type silenceInput struct{ Body api.SilenceRequest }

func (s alerts) silence(ctx context.Context, in *silenceInput) (*bodyOutput[api.Silence], error) {
	b := in.Body
	made, err := askAlerts[access.Silenced](ctx, s.Server, access.MakeSilence{
		Rule: mgmt.AlertRule(b.Rule), Instance: mgmt.InstanceName(b.Instance), Node: mgmt.NodeName(b.Node), Subject: b.Subject,
		Life: seconds(b.Seconds), Note: b.Note,
	})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[api.Silence]{silenceOf(made.Silence)}, nil
}

func (s alerts) endSilence(ctx context.Context, in *idInput) (*struct{}, error) {
	id, err := strconv.ParseUint(in.ID, 10, 64)
	if err != nil {
		return nil, problem(http.StatusNotFound, "the number of a silence is a number: zeekfleet alerts silences lists them")
	}
	_, err = askAlerts[access.Done](ctx, s.Server, access.EndSilence{ID: id})
	return nil, err
}
