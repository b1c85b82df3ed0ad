package browser_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/browser"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

var screenshots = flag.String("screenshots", "", "write a picture of each page into this directory")

// picture looks at a page in both widths and both themes: axe must find nothing serious. It takes
// pictures if they are wanted.
func picture(t *testing.T, tab *browser.Tab, address, name string) {
	t.Helper()
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{1280, 390} {
			tab.Look(width, 800, theme)
			tab.Go(address)
			for _, fault := range tab.Faults() {
				t.Errorf("%s, %s, %d pixels wide: %s", name, theme, width, fault)
			}
			if *screenshots != "" {
				tab.Screenshot(filepath.Join(*screenshots, fmt.Sprintf("%s-%d-%s.png", name, width, theme)))
			}
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

func TestPagesWithNothingDeployed(t *testing.T) {
	site := serve(t, web.Config{Cluster: &fleet{snap: &mgmt.Snapshot{}}, Samples: samples.New(samples.Config{})})
	tab := browser.Start(t).Tab(t)
	tab.LogIn(site, "admin")
	for name, want := range map[string]string{"fleet": "Nothing is deployed yet", "deployments": "Nothing is deployed yet", "instances": "", "traffic": ""} {
		tab.Go(site + "/" + name)
		if text := tab.Text("main"); !strings.Contains(text, want) {
			t.Errorf("%s shows %q", name, text)
		}
		picture(t, tab, site+"/"+name, name+"-empty")
	}
}

var measure = flag.Bool("measure", false, "fail if a figure of the page of a thousand nodes is over its budget; on a quiet machine")

// budget reports a figure, and fails with -measure if it is over its budget.
func budget(t *testing.T, what string, got, most time.Duration) {
	t.Helper()
	t.Logf("%s: %v, of %v", what, got.Round(100*time.Microsecond), most)
	if *measure && got > most {
		t.Errorf("%s: %v is over the budget of %v", what, got, most)
	}
}

// A fleet of a thousand nodes on a hundred instances, whose samples come all the time.
func TestAThousandNodesArePaintedSoonAndStayQuiet(t *testing.T) {
	f, store := newFleet(100, 10), samples.New(samples.Config{})
	f.measure(store, 1)
	site := serve(t, web.Config{Cluster: f, Samples: store})
	tab := browser.Start(t).Tab(t)
	tab.Look(1280, 800, "light")
	tab.LogIn(site, "viewer")
	tab.Go(site + "/fleet")
	ms := func(script string) time.Duration {
		return time.Duration(browser.Eval[float64](tab, script) * float64(time.Millisecond))
	}
	budget(t, "first paint", ms(`new Promise((done) => new PerformanceObserver((list) => {
		for (const one of list.getEntriesByName("first-contentful-paint")) done(one.startTime);
	}).observe({ type: "paint", buffered: true }))`), 300*time.Millisecond)
	tab.Wait(`document.getElementById("live").dataset.state == "on"`)
	if got := browser.Eval[int](tab, `document.querySelectorAll("#instances tbody tr").length`); got != 1000 {
		t.Fatalf("the page has %d rows", got)
	}
	for range 4 {
		watch(t, site)
	}
	const rounds = 10
	before, used, began := tab.Busy(), processTime(t), time.Now()
	for round := range rounds {
		f.measure(store, 2+round) // all instances, once a second: five times as often as agents do
		browser.Eval[bool](tab, `new Promise((done) => setTimeout(() => done(true), 1000))`)
	}
	seconds := time.Since(began).Seconds()
	perSecond := func(d time.Duration) time.Duration { return time.Duration(float64(d) / seconds) }
	budget(t, "main thread, a second, at five times the usual rate", perSecond(tab.Busy()-before), 5*100*time.Millisecond)
	budget(t, "controller with five viewers, a second, at five times the usual rate, with the test itself", perSecond(processTime(t)-used), 5*50*time.Millisecond)

	browser.Eval[bool](tab, `(() => {
		const row = document.getElementById("n/sensor-90/worker-90-5");
		window.seen = new Promise((done) => new MutationObserver(() => {
			if (document.getElementById(row.id).dataset.state === "CRASHED") requestAnimationFrame(() => done(Date.now()));
		}).observe(row.parentNode, { childList: true }));
		return true;
	})()`)
	changed := time.Now()
	f.set("sensor-90", "worker-90-5", mgmt.Crashed)
	at := time.UnixMilli(browser.Eval[int64](tab, `window.seen`))
	budget(t, "one change on screen", at.Sub(changed), 200*time.Millisecond)
	if *screenshots != "" {
		picture(t, tab, site+"/fleet", "fleet-1000")
	}
}

// processTime returns how long this process has used a processor.
func processTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// watch is another viewer of the fleet, who reads what the stream tells until the test ends.
func watch(t *testing.T, site string) {
	t.Helper()
	jar := login(t, site)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, site+"/fleet/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.AddCookie(jar)
	answer, err := http.DefaultClient.Do(req)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("watch the fleet: %v %v", answer, err)
	}
	var reading sync.WaitGroup
	reading.Go(func() { io.Copy(io.Discard, answer.Body) })
	t.Cleanup(func() {
		answer.Body.Close()
		reading.Wait()
	})
}

// login returns the cookie of a session.
func login(t *testing.T, site string) *http.Cookie {
	t.Helper()
	answer, err := http.Post(site+"/api/v1/session", "application/json", strings.NewReader(`{"token":"viewer"}`))
	if err != nil || len(answer.Cookies()) != 1 {
		t.Fatalf("log in: %v %v", answer, err)
	}
	answer.Body.Close()
	return answer.Cookies()[0]
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
	tab.Wait(`document.querySelectorAll(".charts canvas").length == 4`)
	tab.Follow(`a[href*="kind=stop"]`)
	tab.Wait(`document.querySelector("h1").innerText == "Stop worker-02-3?"`)
	tab.Type(`input[name="note"]`, "maintenance")
	tab.Follow(`main button[type="submit"]`)
	tab.Wait(`document.querySelector("h1").innerText == "Operation 9: stop"`)
}

func TestPagesOfTheSite(t *testing.T) {
	f, store := newFleet(2, 4), samples.New(samples.Config{})
	const hour = int(time.Hour / mgmt.SampleInterval)
	for n := range hour {
		f.sample(store, n, time.Now().Add(time.Duration(n-hour)*mgmt.SampleInterval))
	}
	store.Miss("sensor-03", "its agent is too old for this")
	f.snap.Instances = append(f.snap.Instances, &mgmt.ObservedInstance{Name: "sensor-03", Standing: mgmt.Newcomer, Since: time.Now().Add(-time.Minute)})
	log := openEvents(t)
	tell(t, log, 40)
	site := serve(t, web.Config{Cluster: f, Samples: store, Agents: agents{}, Happenings: log, Audit: &records{}, Alerts: bell{}, Addresses: []string{"192.0.2.1:2149"}, Bundles: shelf{}})
	tab := browser.Start(t).Tab(t)
	tab.Look(1280, 800, "light")
	tab.LogIn(site, "admin")
	for name, path := range map[string]string{
		"alerts": "/alerts", "silence": "/alerts/silence?instance=sensor-02", "traffic": "/traffic", "instances": "/instances", "instance": "/instances/sensor-02", "events": "/events", "audit": "/audit", "users": "/users",
		"tokens": "/tokens", "join": "/tokens/join", "user": "/users/new", "role": "/users/ann/role",
		"bundles": "/bundles", "bundle": "/bundles/" + string(bundleHash),
	} {
		tab.Go(site + path)
		tab.Wait(`document.querySelector("h1") != null`)
		picture(t, tab, site+path, name)
	}
	tab.Go(site + "/traffic/sensor-02/eth1")
	tab.Wait(`document.querySelectorAll(".charts canvas").length == 3`)
	picture(t, tab, site+"/traffic/sensor-02/eth1", "interface")
	tab.Go(site + "/alerts")
	tab.Follow(`a[href*="/alerts/silence?"]`)
	tab.Follow(`main button[type="submit"]`)
	tab.Wait(`document.querySelector("h1").innerText == "Alerts" && document.getElementById("firing").innerText.startsWith("2")`)
	tab.Go(site + "/events")
	tab.Wait(`document.getElementById("live").dataset.state == "on"`)
	tell(t, log, 1)
	tab.Wait(`document.querySelector("#events tr").id == "e/41"`)
	tab.Go(site + "/tokens/join?instance=sensor-9")
	tab.Follow(`main button[type="submit"]`)
	tab.Wait(`document.querySelector("pre").innerText == "zeekfleet agent --join 192.0.2.1:2149 --token zf1-secret"`)
	if *screenshots != "" {
		tab.Screenshot(filepath.Join(*screenshots, "token-1280-light.png"))
	}
}
