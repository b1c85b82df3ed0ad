package browser_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/browser"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// hubs are two controllers, of which the one that is asked leads.
type hubs struct{ other string }

func (h hubs) Report(context.Context) (*mgmt.ControllersReport, error) {
	return &mgmt.ControllersReport{Term: 4, Leader: "controller-1", Self: "controller-1", Members: []mgmt.ControllerMember{
		{Name: "controller-1", Role: mgmt.ControllerLeads},
		{Name: "controller-2", Role: mgmt.ControllerFollows, Clients: []string{strings.TrimPrefix(h.other, "http://")}},
	}}, nil
}

var errHubs = errors.New("not in this test")

func (hubs) Changed() <-chan struct{} { return nil }
func (hubs) Join(context.Context, mgmt.Principal, api.ControllerJoin) (api.ControllerJoined, error) {
	return api.ControllerJoined{}, errHubs
}
func (hubs) Remove(context.Context, mgmt.Principal, string) error   { return errHubs }
func (hubs) HandOver(context.Context, mgmt.Principal, string) error { return errHubs }
func (hubs) Backup(context.Context, io.Writer) error                { return errHubs }

// A page whose controller has gone offers the others, and goes to one that lives.
func TestPagesGoToTheNextController(t *testing.T) {
	f, store := newFleet(1, 2), samples.New(samples.Config{})
	next, endNext := serveUntil(t, web.Config{Cluster: f, Samples: store})
	site, end := serveUntil(t, web.Config{Cluster: f, Samples: store, Controllers: hubs{next}})
	tab := browser.Start(t).Tab(t)
	tab.Look(1280, 800, "light")
	tab.LogIn(site, "viewer")
	picture(t, tab, site+"/fleet", "fleet-of-two-controllers")
	tab.Go(site + "/fleet")
	tab.Wait(`document.getElementById("live").dataset.state == "on"`)
	if text := tab.Text("#controllers"); text != "controller-1 leads, term 4; controller-2 follows" {
		t.Errorf("the foot says %q", text)
	}
	for _, text := range []string{"ERR_", "sse", "fetch"} {
		tab.Allow(text)
	}
	endNext()
	end()
	tab.Wait(`document.getElementById("away")?.innerText.includes("does not answer")`)
	if got := browser.Eval[string](tab, `document.querySelector("#away a").href`); got != next+"/fleet" {
		t.Errorf("the page offers %s", got)
	}
}

func TestPagesMoveToAControllerThatLives(t *testing.T) {
	f, store := newFleet(1, 2), samples.New(samples.Config{})
	asked := make(chan int, 1000)
	next := serve(t, web.Config{Cluster: f, Samples: store, Counted: func(operation string, status int, _ time.Duration) {
		if operation == "page" {
			asked <- status
		}
	}})
	site, end := serveUntil(t, web.Config{Cluster: f, Samples: store, Controllers: hubs{next}})
	tab := browser.Start(t).Tab(t)
	tab.LogIn(site, "viewer")
	tab.Go(site + "/fleet")
	tab.Wait(`document.getElementById("live").dataset.state == "on"`)
	for _, text := range []string{"ERR_", "sse", "fetch", "401"} {
		tab.Allow(text)
	}
	end()
	// It asks for the page, and for the login to which that leads: the session is of the other one.
	patience.Find(t, asked, "a page of the other controller", func(status int) bool { return status == http.StatusOK })
}
