package notify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/notify"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// These tests run processes, which have no virtual time.

// await waits until something is so of the receivers.
func await(t *testing.T, d *notify.Dispatcher, so func() bool) {
	t.Helper()
	for {
		changed := d.Changed()
		if so() {
			return
		}
		patience.Closed(t, changed, "the status of the receivers")
	}
}

func TestACommandGetsTheAlertOnItsInputAndInItsEnvironment(t *testing.T) {
	l, dir := openLog(t), t.TempDir()
	out := filepath.Join(dir, "out")
	r := notify.Receiver{Name: "script", Kind: mgmt.ReceiverCommand, Argv: []string{"/bin/sh", "-c", `cat > "$0.new"; env | grep ZEEKFLEET_ALERT_NODE >> "$0.new"; echo "HOME=$HOME" >> "$0.new"; mv "$0.new" "$0"`, out}}
	d, _ := begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{r}, Env: []string{"PATH=/usr/bin:/bin"}, FirstRetry: 50 * time.Millisecond})
	fire(t, l, 0, 1)
	await(t, d, func() bool { return d.Receivers()[0].Delivered == 1 })
	text, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(text), `"id":"node-crashed/a/w-0"`) || !strings.Contains(string(text), "ZEEKFLEET_ALERT_NODE=w-0\nHOME=\n") {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestACommandThatFailsOrHangsIsTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		script  string
		timeout time.Duration
		error   string
	}{
		// The command says something that is not one printable line.
		"fails": {
			`if [ -e "$0" ]; then exit 0; fi; : >"$0"; printf 'no route\n\033[31mto the \342\200\256pager'; exit 3`, patience.Limit,
			"the command has ended with exit status 3: no route ?[31mto the ?pager",
		},
		"hangs": {`if [ -e "$0" ]; then exit 0; fi; : >"$0"; sleep 1000`, time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLog(t)
			r := notify.Receiver{Name: "script", Kind: mgmt.ReceiverCommand, Argv: []string{"/bin/sh", "-c", c.script, filepath.Join(t.TempDir(), "x")}, Timeout: c.timeout}
			d, _ := begin(t, notify.Config{Log: l, Receivers: []notify.Receiver{r}, FirstRetry: 50 * time.Millisecond, Env: []string{"PATH=/usr/bin:/bin"}})
			fire(t, l, 0, 1)
			failure := ""
			await(t, d, func() bool {
				s := d.Receivers()[0]
				if s.Failing {
					failure = s.Error
				}
				return s.Delivered == 1
			})
			if c.error != "" && failure != "" && failure != c.error {
				t.Errorf("status %q", failure)
			}
		})
	}
}

func TestATestOfACommandSaysWhyItHasFailed(t *testing.T) {
	r := notify.Receiver{
		Name: "script", Kind: mgmt.ReceiverCommand, Argv: []string{"/bin/sh", "-c", `printf 'no route\n\033[31mto the \342\200\256pager'; exit 3`}, Timeout: patience.Limit,
	}
	d, err := notify.New(notify.Config{Log: openLog(t), Receivers: []notify.Receiver{r}})
	if err != nil {
		t.Fatal(err)
	}
	// What is not a printable line is made one.
	want := "the command has ended with exit status 3: no route ?[31mto the ?pager"
	if err := d.Test(t.Context(), "script"); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
