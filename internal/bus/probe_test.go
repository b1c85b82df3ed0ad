package bus_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// A load balancer opens and closes a connection every few seconds, to check the
// listener.
func TestProbesAreNotLogged(t *testing.T) {
	optional, err := bus.AnonymousTLS()
	if err != nil {
		t.Fatal(err)
	}
	for name, listener := range map[string]func(*bus.Endpoint, net.Listener) func(context.Context) error{
		"native, plain": func(e *bus.Endpoint, ln net.Listener) func(context.Context) error {
			return func(ctx context.Context) error {
				return e.Serve(ctx, ln, bus.ListenConfig{Transport: bus.TransportPlain})
			}
		},
		"native, both": func(e *bus.Endpoint, ln net.Listener) func(context.Context) error {
			return func(ctx context.Context) error { return e.Serve(ctx, ln, bus.ListenConfig{}) }
		},
		"native, TLS": func(e *bus.Endpoint, ln net.Listener) func(context.Context) error {
			return func(ctx context.Context) error {
				return e.Serve(ctx, ln, bus.ListenConfig{Transport: bus.TransportTLS})
			}
		},
		"websocket": func(e *bus.Endpoint, ln net.Listener) func(context.Context) error {
			return func(ctx context.Context) error { return e.ServeWebSocket(ctx, ln, bus.WebSocketConfig{}) }
		},
		"websocket, TLS": func(e *bus.Endpoint, ln net.Listener) func(context.Context) error {
			return func(ctx context.Context) error {
				return e.ServeWebSocket(ctx, ln, bus.WebSocketConfig{TLS: optional})
			}
		},
	} {
		for how, leave := range map[string]func(*net.TCPConn){
			"closes": func(c *net.TCPConn) { c.Close() },
			"resets": func(c *net.TCPConn) {
				c.SetLinger(0)
				c.Close()
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				log := make(records, 10)
				e := newEndpoint(t, bus.Config{Logger: slog.New(log)})
				ln := listen(t)
				background(t, listener(e, ln))
				for range 5 {
					conn, err := net.Dial("tcp", ln.Addr().String())
					if err != nil {
						t.Fatal(err)
					}
					leave(conn.(*net.TCPConn))
				}
				for range 5 {
					if r := take(t, (<-chan slog.Record)(log)); r.Level != slog.LevelDebug {
						t.Errorf("logged: %s", r.Message)
					}
				}
			})
		}
	}
}

// records passes on the records of a log.
type records chan slog.Record

func (r records) Enabled(context.Context, slog.Level) bool { return true }
func (r records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r records) WithGroup(string) slog.Handler            { return r }

func (r records) Handle(_ context.Context, record slog.Record) error {
	r <- record
	return nil
}
