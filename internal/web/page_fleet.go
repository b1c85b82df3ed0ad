package web

import (
	"context"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// registerFleet adds the page of the fleet.
func (a *routes) registerFleet() {
	s := pages{a.s}
	look := rowOf(mgmt.GetNodesRequest{})
	a.page(page{pattern: "GET " + ui.PathFleet, may: look, section: ui.PathFleet}, s.fleet)
	a.page(page{pattern: "GET " + ui.PathFleetStream, may: look}, s.fleetStream)
}

func (s pages) fleet(v *visit) (shown, error) {
	if err := s.renew(v.Context()); err != nil {
		return shown{}, err
	}
	q := v.URL.Query()
	f := s.board.page(ui.FleetFilter{Role: q.Get("role"), State: q.Get("state"), Text: clip(q.Get("text"), 200)})
	f.CanJoin = v.may(access.RowOf(access.CreateToken{}))
	return show(ui.FleetPage(f))
}

// clip cuts a text that is too long.
func clip(text string, most int) string { return text[:min(len(text), most)] }

// fleetStream tells a page of the fleet what changes.
func (s pages) fleetStream(v *visit) (shown, error) {
	seen := v.Header.Get("Last-Event-ID")
	if seen == "" {
		seen = v.URL.Query().Get("seen")
	}
	return shown{}, s.feed(v, func(ctx context.Context) ([]byte, error) {
		if err := s.renew(ctx); err != nil {
			return nil, err
		}
		news := s.board.news(seen)
		seen = news.seen
		return news.events(), nil
	})
}
