package browser_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/browser"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

var screenshots = flag.String("screenshots", "", "write a picture of each page into this directory")

// picture takes pictures of a page in both widths and both themes, if they are wanted.
func picture(t *testing.T, tab *browser.Tab, address, name string) {
	t.Helper()
	if *screenshots == "" {
		return
	}
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			tab.Look(width, 800, theme)
			tab.Go(address)
			tab.Screenshot(filepath.Join(*screenshots, fmt.Sprintf("%s-%d-%s.png", name, width, theme)))
		}
	}
	tab.Look(1280, 800, "light")
}

func TestTheFleetIsLive(t *testing.T) {
	f, store := newFleet(2, 4), samples.New(samples.Config{})
	f.measure(store, 1)
	site := serve(t, web.Config{Cluster: f, Samples: store})
	tab := browser.Start(t).Tab(t)
	tab.Look(1280, 800, "light")
	picture(t, tab, site+"/login", "login")
	tab.LogIn(site, "viewer")
	picture(t, tab, site+"/fleet", "fleet")
	tab.Go(site + "/fleet")
	tab.Wait(`document.getElementById("live").dataset.state == "on"`)
	began := time.Now()
	f.set("sensor-02", "worker-02-3", mgmt.Crashed)
	tab.Wait(`document.getElementById("n/sensor-02/worker-02-3").dataset.state == "CRASHED"`)
	t.Logf("on screen after %v, with the time of asking", time.Since(began))
	tab.Wait(`document.getElementById("summary").innerText.includes("worker-02-3")`)
	picture(t, tab, site+"/fleet", "fleet-crashed")
	tab.Go(site + "/fleet")
	tab.Type(`#filter input[name="text"]`, "sensor-02")
	tab.Wait(`document.getElementById("shown").innerText == "4 of 8 nodes"`)
	if got := browser.Eval[string](tab, "location.search"); got != "?text=sensor-02" {
		t.Errorf("the address has %q", got)
	}
}

// A fleet of a thousand nodes on a hundred instances.
func TestAThousandNodesArePaintedSoonAndStayQuiet(t *testing.T) {
	f, store := newFleet(100, 10), samples.New(samples.Config{})
	f.measure(store, 1)
	site := serve(t, web.Config{Cluster: f, Samples: store})
	b := browser.Start(t)
	tab := b.Tab(t)
	tab.Look(1280, 800, "light")
	tab.LogIn(site, "viewer")
	tab.Go(site + "/fleet")
	paint := browser.Eval[float64](tab, `performance.getEntriesByName("first-contentful-paint")[0].startTime`)
	loaded := browser.Eval[float64](tab, `performance.timing.domContentLoadedEventEnd - performance.timing.navigationStart`)
	tab.Wait(`document.getElementById("live").dataset.state == "on"`)
	t.Logf("first paint after %.0f ms, loaded after %.0f ms", paint, loaded)
}

func TestPagesOfANode(t *testing.T) {
	f, store := newFleet(2, 4), samples.New(samples.Config{})
	const hour = int(time.Hour / mgmt.SampleInterval)
	for n := range hour {
		f.sample(store, n, time.Now().Add(time.Duration(n-hour)*mgmt.SampleInterval))
	}
	site := serve(t, web.Config{Cluster: f, Samples: store, Agents: agents{}})
	tab := browser.Start(t).Tab(t)
	tab.Look(1280, 800, "light")
	tab.LogIn(site, "operator")
	node := site + "/instances/sensor-02/nodes/worker-02-3"
	for name, path := range map[string]string{
		"node": "", "output": "/output", "crashes": "/crashes", "diag": "/diag", "crash": "/../../crashes/1a",
	} {
		tab.Go(node + path)
		tab.Wait(`document.querySelector("h1") != null && !document.querySelector("[hx-get]")`)
		picture(t, tab, node+path, name)
	}
	for name, path := range map[string]string{
		"restart": "/operate?kind=restart&nodes=%40workers", "operation": "/operations/9", "deployments": "/deployments",
		"revision": "/revisions/12", "plan": "/deploy?staged=yes", "deploy": "/deploy",
	} {
		tab.Go(site + path)
		tab.Wait(`document.querySelector("h1") != null`)
		picture(t, tab, site+path, name)
	}
	tab.Go(node)
	tab.Follow(`a[href*="kind=stop"]`)
	tab.Wait(`document.querySelector("h1").innerText == "Stop worker-02-3?"`)
	tab.Type(`input[name="note"]`, "maintenance")
	tab.Follow(`main button[type="submit"]`)
	tab.Wait(`document.querySelector("h1").innerText == "Operation 9: stop"`)
}
