package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/browser"
)

// visited is a fleet at which users look with a browser.
type visited struct {
	*fleet
	site string
	b    *browser.Browser
	// page is the tab of an operator.
	page *browser.Tab
}

// TestTheWholeProgramInABrowser shows a controller, two agents and embedded nodes to a browser.
// No step leaves an error in the console, or breaks the content security policy.
func TestTheWholeProgramInABrowser(t *testing.T) {
	f := runFleet(t, "ZEEKFLEET_NODE_KIND=embedded", "ZEEKFLEET_BACKOFF_FIRST=10s", "ZEEKFLEET_BACKOFF_MAX=10s")
	v := &visited{fleet: f, site: "http://" + f.client.Address(), b: browser.Start(t)}
	v.page = v.logIn("opal", "operator")
	v.deploysByHand()
	v.rollsBack()
	v.seesACrash()
	v.refusesAViewer()
	v.refusesAnotherSite()
	v.worksWithoutScripts()
}

// logIn opens a tab, and logs a new user in with a token. The token works once.
func (v *visited) logIn(name, role string) *browser.Tab {
	v.Helper()
	token, err := v.client.AddUser(v.Context(), api.UserRequest{Name: name, Role: role})
	if err != nil {
		v.Fatal(err)
	}
	tab := v.b.Tab(v.T)
	tab.Look(1280, 800, "light")
	tab.LogIn(v.site, token.Text)
	if text := tab.Text(".who .user"); !strings.Contains(text, name) || !strings.Contains(text, role) {
		v.Errorf("the page says that %q has logged in", text)
	}
	answer, err := http.Post(v.site+"/api/v1/session", "application/json", strings.NewReader(`{"token":"`+token.Text+`"}`))
	if err != nil || answer.StatusCode != http.StatusUnauthorized {
		v.Errorf("the token of a login works again: %v, %v", answer, err)
	}
	return tab
}

// smallCluster is a cluster with a worker on each instance, and as many more on the right one.
func smallCluster(more int) api.Cluster {
	nodes := []api.ConfiguredNode{configured("manager", "left", "MANAGER"), configured("worker-1", "left", "WORKER"), configured("worker-2", "right", "WORKER")}
	for i := range more {
		nodes = append(nodes, configured(fmt.Sprintf("worker-%d", 3+i), "right", "WORKER"))
	}
	return twoInstances(nodes...)
}

// fill writes a configuration into the form for a deployment.
func (v *visited) fill(tab *browser.Tab, c api.Cluster) {
	v.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		v.Fatal(err)
	}
	tab.Type(`textarea[name="text"]`, string(text))
}

// deploysByHand deploys with the forms, and follows the operation on its page. The agent on the
// right is stopped meanwhile, so that there is something to follow.
func (v *visited) deploysByHand() {
	tab, agent := v.page, v.daemons["right"].cmd.Process
	tab.Go(v.site + "/deployments")
	tab.Follow(`a[href="/deploy"]`)
	v.fill(tab, smallCluster(0))
	tab.Follow(`main form button[type="submit"]`)
	if plan := tab.Text("main"); !strings.Contains(plan, "Nodes: 3 start.") || !strings.Contains(plan, "worker-2") {
		v.Errorf("the plan says %q", plan)
	}
	tab.Type(`input[name="note"]`, "the first one")
	if err := agent.Signal(syscall.SIGSTOP); err != nil {
		v.Fatal(err)
	}
	tab.Follow(`main form button[type="submit"]`)
	tab.Wait(`document.getElementById("live").dataset.state == "on"`)
	browser.Eval[bool](tab, `window.same = true`)
	if text := tab.Text("#operation"); !strings.Contains(text, "It runs") || !strings.Contains(text, "the first one") {
		v.Errorf("an operation that runs shows %q", text)
	}
	if err := agent.Signal(syscall.SIGCONT); err != nil {
		v.Fatal(err)
	}
	tab.Wait(`window.same && document.getElementById("operation").innerText.includes("It is done: 5 of 5 steps done")`)
	v.up()
	tab.Go(v.site + "/fleet")
	tab.Wait(`document.querySelectorAll('#instances tr[data-state="RUNNING"]').length == 3`)
}

// rollsBack deploys another worker, and goes back to the configuration before it on the pages.
func (v *visited) rollsBack() {
	v.deploy(smallCluster(1))
	tab := v.page
	tab.Go(v.site + "/deployments")
	tab.Follow(`a[href^="/deploy?revision="]`)
	if plan := tab.Text("main"); !strings.Contains(plan, "1 stop") || !strings.Contains(plan, "worker-3") {
		v.Errorf("the plan of a rollback says %q", plan)
	}
	tab.Follow(`main form button[type="submit"]`)
	tab.Wait(`document.getElementById("operation").innerText.includes("It is done")`)
	v.up()
	tab.Go(v.site + "/deployments")
	if text := tab.Text("#deployments"); !strings.Contains(text, "rollback of ") {
		v.Errorf("the history says %q", text)
	}
}

// seesACrash kills a node, sees that on the page of the fleet, and reads about it.
func (v *visited) seesACrash() {
	const row = `document.getElementById("n/right/worker-2")`
	tab := v.page
	tab.Go(v.site + "/fleet")
	tab.Wait(`document.getElementById("live").dataset.state == "on" && ` + row + `.dataset.state == "RUNNING"`)
	browser.Eval[bool](tab, `(() => {
		const body = `+row+`.parentNode;
		window.crashed = new Promise((done) => new MutationObserver(() => {
			if (`+row+`.dataset.state === "CRASHED") requestAnimationFrame(() => done(Date.now()));
		}).observe(body, { childList: true }));
		return true;
	})()`)
	pid, killed := v.up()["worker-2"], time.Now()
	if err := syscall.Kill(int(pid), syscall.SIGKILL); err != nil {
		v.Fatal(err)
	}
	at := time.UnixMilli(browser.Eval[int64](tab, `window.crashed`))
	v.Logf("on the page %v after kill -9", at.Sub(killed).Round(time.Millisecond))
	tab.Wait(`document.getElementById("summary").innerText.includes("worker-2 on right")`)
	tab.Follow(`#instances a[href="/instances/right/nodes/worker-2"]`)
	tab.Wait(`document.querySelector('a[href^="/instances/right/crashes/"]') != null`)
	tab.Follow(`a[href^="/instances/right/crashes/"]`)
	if text := tab.Text("main"); !strings.Contains(text, "SIGKILL") || !strings.Contains(text, fmt.Sprint(pid)) || !strings.Contains(text, "Launch plan") {
		v.Errorf("the page of the crash says %q", text)
	}
	v.readsTheStack()
}

// readsTheStack ends a node with a signal at which a Go program writes its stacks.
func (v *visited) readsTheStack() {
	pids := map[string]int64{}
	v.await("the PIDs of the nodes", func() error {
		nodes, err := v.client.Nodes(v.Context())
		for _, n := range nodes {
			pids[n.Name] = n.PID
		}
		if err == nil && pids["worker-1"] == 0 {
			err = fmt.Errorf("%v", nodes)
		}
		return err
	})
	if err := syscall.Kill(int(pids["worker-1"]), syscall.SIGABRT); err != nil {
		v.Fatal(err)
	}
	tab := v.page
	tab.Go(v.site + "/instances/left/nodes/worker-1")
	v.await("the crash is listed", func() error {
		found, err := v.client.Crashes(v.Context(), "worker-1")
		if err == nil && len(found.Items) == 0 {
			err = fmt.Errorf("%+v", found)
		}
		return err
	})
	tab.Go(v.site + "/instances/left/nodes/worker-1/crashes")
	tab.Follow(`a[href^="/instances/left/crashes/"]`)
	if text := tab.Text("main"); !strings.Contains(text, "goroutine ") {
		v.Errorf("the page of the crash has no stack: %q", text)
	}
}

// refusesAViewer looks at the pages as a viewer: they offer nothing that a viewer may not do, and
// whoever sends a form anyway is refused.
func (v *visited) refusesAViewer() {
	tab := v.logIn("vera", "viewer")
	tab.Allow("403")
	for _, path := range []string{"/fleet", "/instances/left/nodes/manager", "/deployments", "/operations/1", "/revisions/1"} {
		tab.Go(v.site + path)
		if got := browser.Eval[int](tab, `document.querySelectorAll('main form[method="post"], main a[href^="/deploy"]:not([href="/deployments"]), main a[href^="/operate"]').length`); got > 0 {
			v.Errorf("%s offers a viewer %d things to do", path, got)
		}
	}
	for path, fields := range map[string]string{"/operate": "kind=stop&nodes=manager", "/deploy": "revision=1&seen=1", "/deploy/plan": "text=%7B%7D"} {
		if got := browser.Eval[int](tab, `fetch("`+path+`", { method: "POST", body: new URLSearchParams("`+fields+`") }).then((r) => r.status)`); got != http.StatusForbidden {
			v.Errorf("%s of a viewer: %d", path, got)
		}
	}
	tab.Go(v.site + "/deploy")
	if text := tab.Text("main"); !strings.Contains(text, "You may not do this") {
		v.Errorf("a viewer who wants to deploy sees %q", text)
	}
}

// refusesAnotherSite lets a page of another site send a form with the cookies of an operator.
func (v *visited) refusesAnotherSite() {
	before := v.revisions()[0]
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><link rel="icon" href="data:,"><form method="post" action="%s/operate"><input name="kind" value="stop"><button>Win</button></form>`, v.site)
	}))
	defer other.Close()
	tab := v.page
	tab.Allow("403")
	tab.Go(other.URL)
	tab.Follow("button")
	if text := tab.Text("main"); !strings.Contains(text, "You may not do this") {
		v.Errorf("a form of another site: %q", text)
	}
	status, err := v.client.Status(v.Context())
	if err != nil || len(status.Stopped) > 0 || v.revisions()[0].Revision != before.Revision {
		v.Errorf("another site has changed something: %+v, %v", status, err)
	}
}

// worksWithoutScripts reads the pages and deploys in a browser that runs no scripts.
func (v *visited) worksWithoutScripts() {
	tab := v.page
	tab.NoScripts()
	tab.Go(v.site + "/fleet?text=worker-2")
	if text := tab.Text("#instances"); !strings.Contains(text, "worker-2") || strings.Contains(text, "manager") {
		v.Errorf("without scripts, the filtered fleet is %q", text)
	}
	tab.Follow(`#instances a[href="/instances/right/nodes/worker-2"]`)
	if text := tab.Text("main"); !strings.Contains(text, "worker-2") || !strings.Contains(text, "Changes of its state") || !strings.Contains(text, "SIGKILL") {
		v.Errorf("without scripts, the node is %q", text)
	}
	tab.Go(v.site + "/deployments")
	if text := tab.Text("#deployments"); !strings.Contains(text, "rollback of ") || !strings.Contains(text, "the first one") {
		v.Errorf("without scripts, the deployments are %q", text)
	}
	tab.Follow(`a[href="/deploy"]`)
	v.fill(tab, smallCluster(2))
	tab.Follow(`main form button[type="submit"]`)
	tab.Follow(`main form button[type="submit"]`)
	address := tab.Address()
	v.await("the operation is done", func() error {
		tab.Go(address)
		if text := tab.Text("#operation"); !strings.Contains(text, "It is done") {
			return fmt.Errorf("it shows %q", text)
		}
		return nil
	})
}
