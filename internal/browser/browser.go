package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// Browser is a running browser.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// program is what Debian calls Chromium.
const program = "chromium"

// Start starts a browser, which ends with the test. The test fails where there is none.
func Start(t testing.TB) *Browser {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%v: \"make tools\" installs it", err)
	}
	flag := chromedp.Flag
	alloc, end := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck, chromedp.NoSandbox,
		chromedp.WSURLReadTimeout(patience.Limit),
		flag("headless", "new"), flag("disable-gpu", true), flag("disable-quic", true), flag("disable-background-networking", true),
		flag("disable-component-update", true), flag("disable-sync", true), flag("disable-extensions", true), flag("disable-dev-shm-usage", true),
		flag("disable-background-timer-throttling", true), flag("disable-renderer-backgrounding", true),
		flag("disable-features", "Translate,OptimizationHints,MediaRouter"), flag("metrics-recording-only", true), flag("hide-scrollbars", true),
	)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(func() {
		chromedp.Cancel(ctx) // waits for the process
		stop()
		end()
	})
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return &Browser{t, ctx}
}

// Tab is a tab of the browser, with cookies of its own.
type Tab struct {
	t   testing.TB
	ctx context.Context

	news chan struct{} // holds one token if there is a new problem

	mu       sync.Mutex
	problems []string
	allowed  []string
}

// Tab opens a tab. It ends with the test, which fails then if the tab has problems.
func (b *Browser) Tab(t testing.TB) *Tab {
	t.Helper()
	tab := &Tab{t: t, news: make(chan struct{}, 1)}
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(tab.hear))
	tab.ctx = ctx
	t.Cleanup(func() {
		end()
		for _, p := range tab.Problems() {
			t.Errorf("the browser says: %s", p)
		}
	})
	// The first action binds the tab to its context, which must not have a deadline.
	if err := chromedp.Do(ctx, command(log.Enable, cdp.Empty{}), command(runtime.Enable, cdp.Empty{}), command(network.Enable, network.EnableParams{})); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	return tab
}

// command is an action that sends a command whose result does not matter.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, c, params)
		return err
	})
}

// hear remembers what went wrong.
func (tab *Tab) hear(event any) {
	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		text := event.ExceptionDetails.Text
		if e := event.ExceptionDetails.Exception; e != nil {
			text += " " + e.Description
		}
		tab.note("exception: %s", text)
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError || event.Type == runtime.ConsoleAPICalledTypeWarning {
			var words []string
			for _, a := range event.Args {
				words = append(words, string(a.Value)+a.Description)
			}
			tab.note("console: %s", strings.Join(words, " "))
		}
	case *log.EventEntryAdded:
		if event.Entry.Level == log.EntryLevelError || event.Entry.Level == log.EntryLevelWarning {
			tab.note("%s: %s (%s)", event.Entry.Source, event.Entry.Text, event.Entry.URL)
		}
	}
}

func (tab *Tab) note(format string, args ...any) {
	tab.mu.Lock()
	tab.problems = append(tab.problems, fmt.Sprintf(format, args...))
	tab.mu.Unlock()
	select {
	case tab.news <- struct{}{}:
	default: // the token of an earlier one is still there
	}
}

// Hear waits until something went wrong that has this text. The browser may tell of it after
// the page is loaded.
func (tab *Tab) Hear(text string) {
	tab.t.Helper()
	for !strings.Contains(strings.Join(tab.Heard(), "\n"), text) {
		patience.Next(tab.t, tab.news, "the problem "+text)
	}
}

// Allow says that problems with this text are expected: an answer that is an error is one.
func (tab *Tab) Allow(text string) {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	tab.allowed = append(tab.allowed, text)
}

// Heard returns everything that went wrong until now.
func (tab *Tab) Heard() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	return append([]string{}, tab.problems...)
}

// Problems returns what went wrong until now, and was not expected.
func (tab *Tab) Problems() []string {
	tab.mu.Lock()
	defer tab.mu.Unlock()
	var left []string
next:
	for _, p := range tab.problems {
		for _, text := range tab.allowed {
			if strings.Contains(p, text) {
				continue next
			}
		}
		left = append(left, p)
	}
	return left
}

// Do does something in the tab. what names it in the message of a failure.
func (tab *Tab) Do(what string, actions ...chromedp.Action[chromedp.Void]) {
	tab.t.Helper()
	Run(tab, what, chromedp.Steps(actions...))
}

// Run does something in the tab that has a result. what names it in the message of a failure.
func Run[T any](tab *Tab, what string, action chromedp.Action[T]) T {
	tab.t.Helper()
	ctx, cancel := context.WithTimeoutCause(tab.ctx, patience.Limit, fmt.Errorf("waited %v", patience.Limit))
	defer cancel()
	result, err := chromedp.Run(ctx, action)
	if err != nil {
		address, _ := chromedp.Run(tab.ctx, chromedp.Location())
		text, _ := chromedp.Run(tab.ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText.slice(0, 2000) : ""`))
		tab.t.Fatalf("%s: %v; the browser is at %s and shows:\n%s", what, err, address, text)
	}
	return result
}

// Eval returns the value of an expression of JavaScript, which may be a promise.
func Eval[T any](tab *Tab, expression string) T {
	tab.t.Helper()
	return Run(tab, "evaluate "+expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Go opens an address, and waits until it is loaded.
func (tab *Tab) Go(address string) {
	tab.t.Helper()
	tab.Do("open "+address, chromedp.Navigate(address))
}

// Look says how wide and high the tab is, and which theme the system has: "light" or "dark".
func (tab *Tab) Look(width, height int64, theme string) {
	tab.t.Helper()
	tab.Do("resize",
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1}),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}))
}

// NoScripts forbids the pages of the tab to run scripts. Wait does not work from then on.
func (tab *Tab) NoScripts() {
	tab.t.Helper()
	tab.Do("forbid scripts", command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// Address returns the address at which the tab is.
func (tab *Tab) Address() string {
	tab.t.Helper()
	return Run(tab, "read the address", chromedp.Location())
}

// Text returns the visible text of the first element of a selector.
func (tab *Tab) Text(selector string) string {
	tab.t.Helper()
	return Run(tab, "read "+selector, chromedp.Text(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Click clicks on the first element of a selector.
func (tab *Tab) Click(selector string) {
	tab.t.Helper()
	tab.Do("click on "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Follow clicks on the first element of a selector, and waits for the page to which it leads.
func (tab *Tab) Follow(selector string) {
	tab.t.Helper()
	ctx, cancel := context.WithTimeoutCause(tab.ctx, patience.Limit, fmt.Errorf("waited %v", patience.Limit))
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible)); err != nil {
		tab.t.Fatalf("follow %s: %v", selector, err)
	}
}

// Type types into the first element of a selector.
func (tab *Tab) Type(selector, text string) {
	tab.t.Helper()
	tab.Do("type into "+selector, chromedp.SendKeys(chromedp.CSS(selector), text, chromedp.NodeVisible))
}

// Wait waits until an expression of JavaScript is true.
func (tab *Tab) Wait(expression string) {
	tab.t.Helper()
	Run(tab, "wait for "+expression, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(patience.Limit)))
}

// LogIn logs in with a token on the page for that.
func (tab *Tab) LogIn(site, token string) {
	tab.t.Helper()
	tab.Go(site + "/login")
	tab.Type(`input[name="token"]`, token)
	tab.Follow(`main form button[type="submit"]`)
	tab.Wait(`document.querySelector("nav") != null`)
}

// Busy returns how long the main thread of the page has been at work since it began.
func (tab *Tab) Busy() time.Duration {
	tab.t.Helper()
	metrics := Run(tab, "read the metrics of the page", func(ctx context.Context, _ *chromedp.Target) (performance.GetMetricsResult, error) {
		if _, err := chromedp.Call(ctx, performance.Enable, performance.EnableParams{}); err != nil {
			return performance.GetMetricsResult{}, err
		}
		return chromedp.Call(ctx, performance.GetMetrics, cdp.Empty{})
	})
	for _, m := range metrics.Metrics {
		if m.Name == "TaskDuration" {
			return time.Duration(m.Value * float64(time.Second))
		}
	}
	tab.t.Fatal("the browser does not say how long it was at work")
	return 0
}

// Screenshot writes a picture of the whole page into a PNG file.
func (tab *Tab) Screenshot(path string) {
	tab.t.Helper()
	picture := Run(tab, "take a screenshot", chromedp.FullScreenshot(100))
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		tab.t.Fatal(err)
	}
}
