package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/replay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNoController(t *testing.T) {
	address := porttest.Nobody(t)
	tests := map[string]struct {
		change func(*cli.Settings)
		want   string
	}{
		"nobody listens": {
			func(s *cli.Settings) { s.PeeringAttempts, s.PeeringRetryDelay = 2, time.Second }, // each attempt has as long
			"zeekfleet: warning: connection refused for controller " + address + ", trying for another 1s\n" +
				"zeekfleet: websocket connection to " + address + " timed out in connect(): no controller runs on this host (nothing listens on " + address + "): start it, or choose one of another host with --controller or zeekfleet context use (after zeekfleet login)\n",
		},
		"no attempts": {
			func(s *cli.Settings) { s.PeeringAttempts = 0 },
			"zeekfleet: websocket connection to " + address + " timed out in connect()\n",
		},
		"bad port": {
			func(s *cli.Settings) { s.Port = 65536 },
			"zeekfleet: cannot configure connection to 127.0.0.1:65536: controller port number 65536 outside valid range\n",
		},
		"no certificate": {
			func(s *cli.Settings) { s.TLS = cli.TLSSettings{Enable: true, Certificate: "gone.pem", KeyFile: "k"} },
			"zeekfleet: cannot configure connection to " + address + ": SSL certificate file \"gone.pem\" not found\n",
		},
		"no authorities": {
			func(s *cli.Settings) { s.TLS = cli.TLSSettings{Enable: true, CAFile: "gone.pem"} },
			"zeekfleet: cannot configure connection to " + address + ": SSL trusted CAs file \"gone.pem\" not found\n",
		},
		"no directory of authorities": {
			func(s *cli.Settings) { s.TLS = cli.TLSSettings{Enable: true, CAPath: "gone"} },
			"zeekfleet: cannot configure connection to " + address + ": SSL trusted CAs path \"gone\" not found\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			c := commands(t, address, &stdout, &stderr)
			tt.change(&c.Settings)
			status := c.GetNodes(t.Context())
			if status != cli.StatusFailed || stdout.Len() > 0 || stderr.String() != tt.want {
				t.Errorf("got status %d, stdout %q, stderr:\n%s\nwant:\n%s", status, &stdout, &stderr, tt.want)
			}
		})
	}
}

// stub returns the address of a server that sends text on every connection, and
// then nothing more until the client closes the connection.
func stub(t *testing.T, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			clients.Go(func() {
				defer conn.Close()
				conn.Read(make([]byte, 1)) // waits for the beginning of the request
				io.WriteString(conn, text)
				io.Copy(io.Discard, conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		clients.Wait()
	})
	return l.Addr().String()
}

func TestServerThatIsNoController(t *testing.T) {
	withTLS := func(s *cli.Settings) { s.TLS = cli.TLSSettings{Enable: true} }
	for name, tt := range map[string]struct {
		says   string
		change func(*cli.Settings)
		want   string // with ADDRESS for its address
	}{
		"a server that wants TLS": {
			says: "\x15\x03\x03\x00\x02\x02\x46",
			want: "zeekfleet: socket TLS error in connect() with controller ADDRESS: server speaks TLS: log in (zeekfleet login), or set ssl.enable=true\n",
		},
		"a server without TLS": {
			says: "HTTP/1.1 400 Bad Request\r\n\r\n", change: withTLS,
			want: "zeekfleet: warning: nothing verifies that ADDRESS is the controller: set ssl.cafile\n" +
				"zeekfleet: socket TLS error in connect() with controller ADDRESS: server does not speak TLS: set ssl.enable=false\n",
		},
		"the port for Broker peers": {
			says: "\x00\x00\x00\x05\aZEEK\x01\n",
			want: "zeekfleet: websocket error in connect() with controller ADDRESS: Broker peers connect there, not clients: name the controller's WebSocket port, by default 2149\n",
		},
		"a server that sends nothing": {
			change: func(s *cli.Settings) { s.PeeringAttempts, s.PeeringRetryDelay = 2, 10*time.Millisecond },
			want: "zeekfleet: warning: connection timed out for controller ADDRESS, trying for another 20ms\n" +
				"zeekfleet: websocket connection to ADDRESS timed out in connect()\n",
		},
		"a host that does not exist": {
			change: func(s *cli.Settings) { s.Host, s.Port = "a..b", 2149 },
			want:   "zeekfleet: websocket error in connect() with controller a..b:2149: look up a..b: no such host\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			address := stub(t, tt.says)
			var stdout, stderr bytes.Buffer
			c := commands(t, address, &stdout, &stderr)
			if tt.change != nil {
				tt.change(&c.Settings)
			}
			status := c.GetNodes(t.Context())
			want := strings.ReplaceAll(tt.want, "ADDRESS", address)
			if status != cli.StatusFailed || stdout.Len() > 0 || stderr.String() != want {
				t.Errorf("got status %d, stdout %q, stderr:\n%s\nwant:\n%s", status, &stdout, &stderr, want)
			}
		})
	}
}

func TestInterruptedWhileConnecting(t *testing.T) {
	address := porttest.Nobody(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	var stdout, stderr bytes.Buffer
	status := commands(t, address, &stdout, &stderr).Deploy(ctx)
	want := "zeekfleet: connecting to controller " + address + ": interrupted\n"
	if status != cli.StatusFailed || stderr.String() != want {
		t.Errorf("got status %d, stderr %q, want %q", status, &stderr, want)
	}
}

// hook is a writer that calls do at each Write.
type hook struct {
	bytes.Buffer
	do func()
}

func (h *hook) Write(p []byte) (int, error) {
	defer h.do()
	return h.Buffer.Write(p)
}

func TestWaitForAControllerEndsWithTheCommandsTimeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	var stdout, unused bytes.Buffer
	stderr := &hook{do: cancel} // called when the first attempt has failed
	c := commands(t, porttest.Nobody(t), &stdout, &unused)
	c.Log.Out, c.Settings.PeeringAttempts = stderr, 1000
	c.GetNodes(ctx)
	_, text, found := strings.Cut(stderr.String(), "trying for another ")
	text, _, _ = strings.Cut(text, "\n")
	if left, err := time.ParseDuration(text); !found || err != nil || left > 10*time.Minute || left < 9*time.Minute {
		t.Errorf("of ten minutes, said: %s", stderr)
	}
}

// TestInterruptedRequestGoesOn interrupts a command after the controller has
// taken its request: the command must say that the request goes on.
func TestInterruptedRequestGoesOn(t *testing.T) {
	for name, tt := range map[string]struct {
		run  func(*cli.Commands, context.Context) int
		want string
	}{
		"a deployment": {(*cli.Commands).Deploy,
			"zeekfleet: the deployment goes on; get-nodes shows its progress\n"},
		"a restart": {func(c *cli.Commands, ctx context.Context) int { return c.Restart(ctx, nil) },
			"zeekfleet: the restart goes on; get-nodes shows its progress\n"},
		"a request that changes nothing": {(*cli.Commands).GetNodes, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			controller := &replay.Controller{Exchanges: []replay.Exchange{{Answer: func(mgmt.Request) []string {
				cancel(errors.New("interrupted"))
				return nil
			}}}}
			controller.Start(t)
			var stdout, stderr bytes.Buffer
			status := tt.run(commands(t, controller.Address, &stdout, &stderr), ctx)
			want := "zeekfleet: no response received: receive from server: interrupted\n" + tt.want
			if status != cli.StatusFailed || stdout.Len() > 0 || stderr.String() != want {
				t.Errorf("got status %d, stdout %q, stderr:\n%s\nwant:\n%s", status, &stdout, &stderr, want)
			}
		})
	}
}

func TestServerErrorFailsAtOnce(t *testing.T) {
	const ack = `{"type":"ack","endpoint":"e","version":"v"}`
	_, conversations := replay.Load(t, "zeek-client.json")
	_, exchanges := conversations[2].Exchanges()
	exchanges[0].Response = `{"type":"error","code":"deserialization_failed","context":"failed to create Zeek event"}`
	got := perform(t, replayed(t, ack, exchanges), nil, replay.Conversation{Command: "zeek-client get-nodes"})
	want := `$ zeek-client get-nodes
-- stderr --
zeekfleet: no response received: server error deserialization_failed: failed to create Zeek event
-- status --
1
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestBadConfigurationIsNotSent(t *testing.T) {
	var stdout, stderr bytes.Buffer
	c := commands(t, porttest.Nobody(t), &stdout, &stderr) // an attempt to connect would log another message
	c.Stdin = strings.NewReader("[w]\nrole = wroker\n")
	status := c.DeployConfig(t.Context(), "-")
	want := "zeekfleet: standard input:2: invalid node \"w\" configuration: role \"wroker\" is invalid; did you mean \"worker\"?\n"
	if status != cli.StatusFailed || stdout.Len() > 0 || stderr.String() != want {
		t.Errorf("got status %d, stdout %q, stderr %q, want %q", status, &stdout, &stderr, want)
	}
}

func TestGetConfigWritesAFile(t *testing.T) {
	_, conversations := replay.Load(t, "zeek-client.json")
	ack, exchanges := conversations[7].Exchanges()
	path := filepath.Join(t.TempDir(), "out.cfg")
	for _, tt := range []struct {
		path, stderr string
		status       int
	}{
		{path, "", cli.StatusDone},
		{filepath.Join(path, "x"), "zeekfleet: write configuration: open " + path + "/x: not a directory\n", cli.StatusFailed},
	} {
		var stdout, stderr bytes.Buffer
		c := commands(t, replayed(t, ack, exchanges), &stdout, &stderr)
		status := c.GetConfig(t.Context(), cli.ConfigRequest{Path: tt.path})
		if status != tt.status || stdout.Len() > 0 || stderr.String() != tt.stderr {
			t.Errorf("%s: got status %d, stdout %q, stderr %q, want status %d, stderr %q",
				tt.path, status, &stdout, &stderr, tt.status, tt.stderr)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(text), "[instances]\ninstance-1\n\n[logger]\n") {
		t.Errorf("wrote %q, %v", text, err)
	}
}

// TestLog also logs a control character, which must not reach a terminal.
func TestLog(t *testing.T) {
	tests := map[string]struct {
		log  cli.Log
		want string
	}{
		"as zeek-client":               {cli.Log{}, "error: a b\n"},
		"as zeek-client with warnings": {cli.Log{Verbosity: 1}, "error: a b\nwarning: w\n"},
		"as zeekfleet":                 {cli.Log{Program: "zeekfleet"}, "zeekfleet: a b\nzeekfleet: warning: w\n"},
		"with notes":                   {cli.Log{Program: "p", Verbosity: 1}, "p: a b\np: warning: w\np: info: i\n"},
		"with details":                 {cli.Log{Verbosity: 3}, "error: a b\nwarning: w\ninfo: i\ndebug: d\n"},
		"quiet":                        {cli.Log{Quiet: true, Verbosity: 2}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			tt.log.Out = &out
			tt.log.Error("a\x1bb")
			tt.log.Warning("%s", "w")
			tt.log.Info("i")
			tt.log.Debug("d")
			if out.String() != tt.want {
				t.Errorf("got %q, want %q", out.String(), tt.want)
			}
		})
	}
}

// TestGetConfigWarnsOfPartsWithoutINIForm gets a recorded configuration to which
// an option and an address without port were added. No cluster file can say the address.
func TestGetConfigWarnsOfPartsWithoutINIForm(t *testing.T) {
	const none = `{"@data-type":"none","data":{}}`
	_, conversations := replay.Load(t, "zeek-client.json")
	ack, exchanges := conversations[7].Exchanges()
	const running = `"Management::RUNNING"},` + none + `,` + none + `,`
	const option = `{"@data-type":"set","data":[{"@data-type":"vector","data":[{"@data-type":"string","data":"Notice::x"},{"@data-type":"string","data":"y"}]}]}`
	changed := strings.Replace(exchanges[0].Response, running+none, running+option, 1)
	changed = strings.Replace(changed, `"0.0.0.0"`, `"192.0.2.1"`, 1)
	const lacks = "zeekfleet: warning: the INI form has no place for an address without a port, which is left out here: that of instance-1; --as-json shows it\n"
	for name, tt := range map[string]struct {
		asJSON, asZeekClient bool
		stderr               string
	}{
		"INI":                {false, false, lacks},
		"JSON":               {true, false, ""},
		"INI of zeek-client": {false, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			exchanges[0].Response = changed
			var stdout, stderr bytes.Buffer
			c := commands(t, replayed(t, ack, exchanges), &stdout, &stderr)
			c.AsZeekClient = tt.asZeekClient
			status := c.GetConfig(t.Context(), cli.ConfigRequest{AsJSON: tt.asJSON})
			if status != cli.StatusDone || stderr.String() != tt.stderr {
				t.Errorf("status %d, stderr %q, want %q", status, &stderr, tt.stderr)
			}
			if !strings.Contains(stdout.String(), "Notice::x") || !strings.Contains(stdout.String(), "instance-1") {
				t.Errorf("stdout %s", &stdout)
			}
		})
	}
}
