package cli_test

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/replay"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestRecordedConversations runs each command against a controller that replays
// the answers of Zeek's controller. The command must send the same requests as
// zeek-client, and print the text of the golden file. Package dropin has the same
// test for the program under the name zeek-client.
func TestRecordedConversations(t *testing.T) {
	for _, name := range replay.Recordings {
		files, conversations := replay.Load(t, name)
		for i, c := range conversations {
			title := fmt.Sprintf("%s-%02d", strings.TrimSuffix(name, ".json"), i)
			t.Run(title+" "+c.Command, func(t *testing.T) {
				ack, exchanges := c.Exchanges()
				controller := (&replay.Controller{Ack: ack, Exchanges: exchanges, App: "test"}).Start(t)
				got := perform(t, controller.Address, files, c)
				for _, id := range controller.ConfigIDs() {
					got = strings.ReplaceAll(got, id, "CONFIGURATION-ID")
				}
				golden.Check(t, filepath.Join("testdata", "recorded", title+".txt"), got, *update)
			})
		}
	}
}

// perform runs a command, and returns its output on both streams and its status.
func perform(t *testing.T, address string, files map[string]string, recorded replay.Conversation) string {
	t.Helper()
	return performIn(t, address, files, recorded, show.Settings{})
}

// performIn is perform with output in another form.
func performIn(t *testing.T, address string, files map[string]string, recorded replay.Conversation, out show.Settings) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	c := commands(t, "--controller="+address, &stdout, &stderr)
	if c.Settings.Host != host || strconv.Itoa(c.Settings.Port) != port {
		t.Fatalf("settings name %s:%d, want %s", c.Settings.Host, c.Settings.Port, address)
	}
	c.Output = out
	words, stdin := recorded.Words(files)
	c.Stdin = strings.NewReader(stdin)
	ctx := t.Context()
	var status int
	switch words[0] {
	case "deploy-config":
		status = c.DeployConfig(ctx, words[1])
	case "stage-config":
		status = c.StageConfig(ctx, words[1])
	case "deploy":
		status = c.Deploy(ctx)
	case "get-config":
		status = c.GetConfig(ctx, cli.ConfigRequest{
			Deployed: slices.Contains(words, "--deployed"), AsJSON: slices.Contains(words, "--as-json"),
		})
	case "get-instances":
		status = c.GetInstances(ctx)
	case "get-nodes":
		status = c.GetNodes(ctx)
	case "get-id-value":
		status = c.GetIDValue(ctx, words[1], words[2:])
	case "restart":
		status = c.Restart(ctx, words[1:])
	default:
		t.Fatalf("no such command: %s", recorded.Command)
	}
	return fmt.Sprintf("$ %s\n%s", recorded.Command, report(&stdout, &stderr, status))
}

func report(stdout, stderr fmt.Stringer, status int) string {
	return fmt.Sprintf("%s-- stderr --\n%s-- status --\n%d\n", stdout, stderr, status)
}

// commands returns commands with settings for the controller that flag names.
func commands(t *testing.T, controller string, stdout, stderr *bytes.Buffer) *cli.Commands {
	t.Helper()
	s, warnings, err := cli.ResolveSettings(cli.SettingsSources{
		LookupEnv:  func(string) (string, bool) { return "", false },
		Controller: strings.TrimPrefix(controller, "--controller="),
	})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("ResolveSettings: %v, warnings %q", err, warnings)
	}
	return &cli.Commands{
		Settings: s, Log: &cli.Log{Out: stderr, Program: "zeekfleet"}, Stdin: strings.NewReader(""), Stdout: stdout,
		Hostname: "host-1", AppName: "test",
	}
}

// replayed starts a controller that answers each request with a recorded response. It
// returns the controller's address.
func replayed(t *testing.T, ack string, exchanges []replay.Exchange) string {
	t.Helper()
	return (&replay.Controller{Ack: ack, Exchanges: exchanges, App: "test"}).Start(t).Address
}
