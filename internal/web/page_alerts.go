package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// alertPages are the pages of the alerts.
type alertPages struct{ pages }

// registerAlertPages adds the pages of the alerts.
func (a *routes) registerAlertPages() {
	s, in := alertPages{pages{a.s}}, ui.PathAlerts
	look, acknowledge := access.RowOfAlerts(access.ListAlerts{}), access.RowOfAlerts(access.AcknowledgeAlert{})
	silence, end, test := access.RowOfAlerts(access.MakeSilence{}), access.RowOfAlerts(access.EndSilence{}), access.RowOfAlerts(access.TestReceiver{})
	a.page(page{pattern: "GET " + ui.PathAlerts, may: look, section: in}, s.alerts)
	a.page(page{pattern: "GET " + ui.PathAlertsStream, may: look}, s.alertsStream)
	a.page(page{pattern: "GET " + ui.PathAcknowledge, may: acknowledge, section: in}, s.askAcknowledge)
	a.page(page{pattern: "POST " + ui.PathAcknowledge, may: acknowledge, section: in}, s.acknowledgeAsked)
	a.page(page{pattern: "GET " + ui.PathSilence, may: silence, section: in}, func(v *visit) (shown, error) {
		return show(ui.AskSilence(silenceOfForm("", v.URL.Query().Get)))
	})
	a.page(page{pattern: "POST " + ui.PathSilence, may: silence, section: in}, s.silenceAsked)
	a.page(page{pattern: "GET " + ui.PathAlerts + "/silences/{id}/end", may: end, section: in}, s.askEndSilence)
	a.page(page{pattern: "POST " + ui.PathAlerts + "/silences/{id}/end", may: end, section: in}, s.endSilenceAsked)
	a.page(page{pattern: "GET " + ui.PathAlerts + "/receivers/{name}/test", may: test, section: in}, func(v *visit) (shown, error) {
		return show(ui.AskTest(v.PathValue("name")))
	})
	a.page(page{pattern: "POST " + ui.PathAlerts + "/receivers/{name}/test", may: test, section: in}, s.testAsked)
}

// countFiring returns how many alerts fire.
func (s *Server) countFiring() int {
	n := 0
	for _, one := range s.book().Alerts {
		if one.State == mgmt.AlertFiring {
			n++
		}
	}
	return n
}

func (s alertPages) alerts(v *visit) (shown, error) {
	a, err := s.alertsNow(v.Context(), v)
	if err != nil {
		return shown{}, err
	}
	return show(ui.AlertsPage(a))
}

// alertsNow returns what the page of the alerts shows.
func (s alertPages) alertsNow(ctx context.Context, v *visit) (ui.Alerts, error) {
	a := ui.Alerts{Now: time.Now().Truncate(time.Minute), CanAct: v.may(access.RowOfAlerts(access.MakeSilence{}))}
	every := PageInput{Limit: maxNodes}
	list, err := alerts(s.pages).list(ctx, &alertsInput{PageInput: every})
	if err != nil {
		return a, err
	}
	silences, err := alerts(s.pages).silences(ctx, &every)
	if err != nil {
		return a, err
	}
	receivers, err := alerts(s.pages).receivers(ctx, &every)
	if err != nil {
		return a, err
	}
	a.List, a.Silences, a.Receivers = list.Body.Items, silences.Body.Items, receivers.Body.Items
	return a, nil
}

func (s alertPages) alertsStream(v *visit) (shown, error) {
	return shown{}, s.feed(v, renewed(func(ctx context.Context) ([]ui.Piece, error) {
		a, err := s.alertsNow(ctx, v)
		if err != nil {
			return nil, err
		}
		return ui.AlertPieces(a), nil
	}))
}

// alert returns the alert with this ID.
func (s alertPages) alert(ctx context.Context, id string) (api.Alert, error) {
	list, err := alerts(s.pages).list(ctx, &alertsInput{PageInput: PageInput{Limit: maxNodes}})
	if err != nil {
		return api.Alert{}, err
	}
	i := slices.IndexFunc(list.Body.Items, func(a api.Alert) bool { return a.ID == id })
	if i < 0 {
		return api.Alert{}, problem(http.StatusNotFound, fmt.Sprintf("there is no alert %.200q", id))
	}
	return list.Body.Items[i], nil
}

func (s alertPages) askAcknowledge(v *visit) (shown, error) {
	one, err := s.alert(v.Context(), v.URL.Query().Get("id"))
	if err != nil {
		return shown{}, err
	}
	return show(ui.AskAcknowledge("", one))
}

func (s alertPages) acknowledgeAsked(v *visit) (shown, error) {
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	id := clip(v.field("id"), 1000)
	if _, err := alerts(s.pages).acknowledge(v.Context(), &acknowledgeInput{api.AcknowledgeRequest{ID: id, Note: clip(v.field("note"), 1000)}}); err != nil {
		return again(err, func(wrong string) ui.Content { return ui.AskAcknowledge(wrong, api.Alert{ID: id}) })
	}
	return goTo(ui.PathAlerts)
}

// silenceOfForm returns the silence that fields name.
func silenceOfForm(wrong string, field func(string) string) ui.NewSilence {
	return ui.NewSilence{
		Wrong: wrong, Rule: clip(field("rule"), 64), Instance: clip(field("instance"), 255), Node: clip(field("node"), 255), Subject: clip(field("subject"), 255),
		Life: clip(field("life"), 20),
	}
}

// maxSilence bounds how long a silence lasts, in seconds.
const maxSilence = 366 * 24 * 3600

func (s alertPages) silenceAsked(v *visit) (shown, error) {
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	n := silenceOfForm("", v.field)
	form := func(wrong string) ui.Content { return ui.AskSilence(silenceOfForm(wrong, v.field)) }
	life, err := v.wholeNumber("life", "how long it lasts", 1, maxSilence)
	if err == nil && n.Rule+n.Instance+n.Node+n.Subject == "" {
		err = problem(http.StatusUnprocessableEntity, "one field at least says which alerts are meant")
	}
	if err != nil {
		return again(err, form)
	}
	_, err = alerts(s.pages).silence(v.Context(), &silenceInput{api.SilenceRequest{
		Rule: n.Rule, Instance: n.Instance, Node: n.Node, Subject: n.Subject, Seconds: life, Note: clip(v.field("note"), 1000),
	}})
	if err != nil {
		return again(err, form)
	}
	return goTo(ui.PathAlerts)
}

func (s alertPages) askEndSilence(v *visit) (shown, error) {
	found, err := alerts(s.pages).silences(v.Context(), &PageInput{Limit: maxNodes})
	if err != nil {
		return shown{}, err
	}
	id := v.PathValue("id")
	i := slices.IndexFunc(found.Body.Items, func(one api.Silence) bool { return strconv.FormatUint(one.ID, 10) == id })
	if i < 0 {
		return shown{}, problem(http.StatusNotFound, "this silence has ended, or there was none")
	}
	return show(ui.AskEndSilence(found.Body.Items[i]))
}

func (s alertPages) endSilenceAsked(v *visit) (shown, error) {
	if _, err := alerts(s.pages).endSilence(v.Context(), &idInput{ID: clip(v.PathValue("id"), 100)}); err != nil {
		return shown{}, err
	}
	return goTo(ui.PathAlerts)
}

func (s alertPages) testAsked(v *visit) (shown, error) {
	if _, err := alerts(s.pages).test(v.Context(), &NameInput{v.PathValue("name")}); err != nil {
		return shown{}, err
	}
	return goTo(ui.PathAlerts)
}
