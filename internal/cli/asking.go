package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// asking calls then with a client of the controller's HTTP API. It prints the error of
// then, and returns the exit status. doubt is that of a connector.
func (c *Commands) asking(ctx context.Context, doubt func(error), then func(*api.Client) error) int {
	err := c.asked(ctx, doubt, then)
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	if err != nil {
		c.Log.Error("%s", c.askMessage(err))
		return StatusFailed
	}
	c.renewContext(ctx)
	learnControllers(c)
	return StatusDone
}

// exitStatus is the error of a command that has said why it fails.
type exitStatus int

func (s exitStatus) Error() string { return "exit status " + strconv.Itoa(int(s)) }

func (c *Commands) asked(ctx context.Context, doubt func(error), then func(*api.Client) error) error {
	where := c.where()
	if port := c.Settings.Port; port < 1 || port > 65535 {
		return fmt.Errorf("cannot configure connection to %s: controller port number %d outside valid range", where, port)
	}
	config, err := c.tlsConfig(ctx, where)
	if err != nil {
		return err
	}
	client, err := api.New(api.Config{
		Address: where, Others: c.Settings.Others, TLS: config, Bearer: c.Settings.Bearer, Connect: c.connecting(config, doubt), Timeout: c.Settings.RequestTimeout,
	})
	if err != nil {
		return err
	}
	defer client.Close()
	c.Log.Info("asking controller %s", named(c))
	defer func() { c.answered = client.Address() }()
	return then(client)
}

// where returns the host:port of the controller.
func (c *Commands) where() string {
	return net.JoinHostPort(strings.Trim(c.Settings.Host, "[]"), strconv.Itoa(c.Settings.Port))
}

// named returns the addresses of all controllers, for a message.
func named(c *Commands) string {
	return strings.Join(append([]string{c.where()}, c.Settings.Others...), ", ")
}

// askMessage returns the message about a request that failed. A refusal has the
// controller's own words.
func (c *Commands) askMessage(err error) string {
	if all, ok := errors.AsType[*api.SeveralError](err); ok && !errors.Is(err, context.DeadlineExceeded) {
		return all.Error()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		text := fmt.Sprintf("cannot reach controller %s: %s", c.where(), dialReason(err))
		if here := c.noControllerHere(); here != "" && errors.Is(err, syscall.ECONNREFUSED) {
			return here
		}
		return text
	}
	if text, ok := c.certificateRefused(c.where(), err); ok {
		return text
	}
	if other, ok := errors.AsType[*api.NoAPIError](err); ok && other.Zeek {
		return fmt.Sprintf("controller %s is Zeek's own, and has no HTTP API: this command needs zeekfleet's controller; "+
			"Zeek's knows deploy-config, stage-config, deploy, restart NODE, get-config, get-nodes, get-instances and get-id-value", c.where())
	}
	if endedEarly(err) && (c.Settings.Port == mgmt.ControllerPort || c.Settings.Port == mgmt.AgentPort) {
		return fmt.Sprintf("the program at %s takes no clients: agents and controllers use this port; name the controller's port for clients, by default %d", c.where(), api.DefaultPort)
	}
	if endedEarly(err) {
		return fmt.Sprintf("controller %s has ended the connection before it answered: it has stopped%s, or something between has; "+
			"what it has begun goes on when it runs again (zeekfleet operations)", c.where(), perhapsTLS(c.where(), c.Settings))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("the controller at %s has not answered within the time of --timeout", c.where())
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Sprintf("controller %s: %s", c.where(), dialReason(err))
	}
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Status == http.StatusBadRequest && strings.HasSuffix(p.Detail, useTLS) {
		return fmt.Sprintf("controller %s speaks TLS: %s", c.where(), wantsTLS)
	}
	return err.Error()
}

// perhapsTLS says that a controller of another host may speak TLS, if it was asked in plain
// text.
func perhapsTLS(where string, s Settings) string {
	if api.IsLoopback(where) || s.TLS.Enable || s.Context != nil || s.Bearer != "" {
		return ""
	}
	return ", or speaks TLS alone (" + wantsTLS + ")"
}

// endedEarly reports whether the connection has ended before the answer did.
func endedEarly(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// useTLS is how the answer to a request in plain text ends that came to a port with TLS.
const useTLS = "use wss instead of ws"
