package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// trafficPages are the pages of what interfaces and workers get and lose.
type trafficPages struct{ pages }

// registerTraffic adds the pages of what interfaces and workers get and lose.
func (a *routes) registerTraffic() {
	s, look, one := trafficPages{pages{a.s}}, rowOf(mgmt.GetNodesRequest{}), ui.PathTraffic+"/{instance}/{interface}"
	a.page(page{pattern: "GET " + ui.PathTraffic, may: look, section: ui.PathTraffic}, s.traffic)
	a.page(page{pattern: "GET " + ui.PathTraffic + "/stream", may: look}, s.trafficStream)
	a.page(page{pattern: "GET " + one, may: look, section: ui.PathTraffic}, s.trafficOf)
	a.page(page{pattern: "GET " + one + "/stream", may: look}, s.trafficOfStream)
}

func (s trafficPages) traffic(v *visit) (shown, error) {
	t, err := s.trafficNow(v.Context(), "")
	if err != nil {
		return shown{}, err
	}
	return show(ui.TrafficPage(t))
}

// trafficNow returns the newest figures of all instances, or of one.
func (s trafficPages) trafficNow(ctx context.Context, instance string) (ui.Traffic, error) {
	found, err := views(s.pages).listSamples(ctx, &samplesInput{PageInput: PageInput{Limit: maxNodes}, Instance: instance})
	if err != nil {
		return ui.Traffic{}, err
	}
	return ui.Traffic{Hosts: found.Body.Items}, nil
}

func (s trafficPages) trafficStream(v *visit) (shown, error) {
	return shown{}, s.feed(v, renewed(func(ctx context.Context) ([]ui.Piece, error) {
		t, err := s.trafficNow(ctx, "")
		if err != nil {
			return nil, err
		}
		return ui.TrafficPieces(t), nil
	}))
}

// spans are the times that the charts of an interface can show, with the seconds between two
// rows of its table.
var spans = map[string]int{"1h": 5 * 60, "24h": 60 * 60}

func (s trafficPages) trafficOf(v *visit) (shown, error) {
	i, err := s.interfaceNow(v.Context(), v)
	if err != nil {
		return shown{}, err
	}
	i.Span = "1h"
	if span := v.URL.Query().Get("span"); spans[span] > 0 {
		i.Span = span
	}
	past, err := views(s.pages).getSampleHistory(v.Context(), &sampleHistoryInput{
		Instance: i.Instance, Interface: i.Name, Figures: []string{"packets", "bits", "drop_share"}, From: i.Span, Step: spans[i.Span],
	})
	if err != nil {
		return shown{}, err
	}
	i.History = past.Body
	return show(ui.InterfacePage(i))
}

// interfaceNow returns the newest figures of an interface and of the nodes that capture there.
func (s trafficPages) interfaceNow(ctx context.Context, v *visit) (ui.Interface, error) {
	i := ui.Interface{Instance: v.PathValue("instance"), Name: v.PathValue("interface")}
	t, err := s.trafficNow(ctx, i.Instance)
	if err != nil {
		return i, err
	}
	if len(t.Hosts) == 0 {
		return i, problem(http.StatusNotFound, fmt.Sprintf("there is no instance %.100q", i.Instance))
	}
	i.Host = t.Hosts[0]
	i.Host.Interfaces = slices.DeleteFunc(i.Host.Interfaces, func(one api.InterfaceSample) bool { return one.Name != i.Name })
	i.Host.Nodes = slices.DeleteFunc(i.Host.Nodes, func(n api.NodeSample) bool { return n.Interface != i.Name })
	if len(i.Host.Interfaces) == 0 && i.Host.Err == "" {
		return i, problem(http.StatusNotFound, fmt.Sprintf("there is no interface %.100q on instance %.100q", i.Name, i.Instance))
	}
	return i, nil
}

func (s trafficPages) trafficOfStream(v *visit) (shown, error) {
	return shown{}, s.feed(v, renewed(func(ctx context.Context) ([]ui.Piece, error) {
		i, err := s.interfaceNow(ctx, v)
		if err != nil {
			return nil, err
		}
		return []ui.Piece{ui.InterfaceNow(i)}, nil
	}))
}
