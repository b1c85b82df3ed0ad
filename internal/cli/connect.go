package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// connected connects to the controller, calls then with the client, and closes
// the connection. It returns the exit status. The messages are those of spec
// zeek-client section 5.
func (c *Commands) connected(ctx context.Context, then func(*client.Client) int) int {
	s := c.Settings
	where := s.Host + ":" + strconv.Itoa(s.Port)
	if s.Port < 1 || s.Port > 65535 {
		c.Log.Error("cannot configure connection to %s: controller port number %d outside valid range", where, s.Port)
		return StatusFailed
	}
	config, err := c.tlsConfig(ctx, c.where())
	if err != nil && s.Context != nil {
		c.Log.Error("%v", err)
		return StatusFailed
	}
	if err != nil {
		c.Log.Error("cannot configure connection to %s: %v", where, err)
		return StatusFailed
	}
	if s.PeeringAttempts == 0 {
		c.Log.Error("websocket connection to %s timed out in connect()", where)
		return StatusFailed
	}
	if len(s.Others) > 0 {
		where = named(c)
	}
	c.Log.Info("connecting to controller %s", where)
	ctl, err := client.Dial(ctx, client.Config{
		Address:        net.JoinHostPort(strings.Trim(s.Host, "[]"), strconv.Itoa(s.Port)),
		Others:         s.Others,
		TLS:            config,
		Bearer:         s.Bearer,
		Connect:        c.connecting(config, c.doubted),
		AppName:        c.AppName,
		Attempts:       s.PeeringAttempts,
		RetryDelay:     s.PeeringRetryDelay,
		RequestTimeout: s.RequestTimeout,
		Once:           c.AsZeekClient,
		Listen:         c.listens,
		OnRetry:        func(attempt int, err error) { c.retrying(ctx, where, attempt, err) },
		OnSkip:         c.skipped,
		OnMessage:      c.traced,
	})
	if err != nil {
		if c.AsZeekClient && errors.Is(err, syscall.ECONNREFUSED) {
			c.Log.Debug("connection refused for controller %s", where) // the last attempt
		}
		c.Log.Error("%s", c.dialMessage(where, err))
		return StatusFailed
	}
	defer ctl.Close()
	if c.AsZeekClient {
		c.Log.Info("peered with controller %s", where)
		c.Log.Debug("controller %s has version %s, and calls this client %s", where, ctl.Version(), ctl.Endpoint())
	} else {
		c.Log.Info("peered with controller %s, version %s, as %s", where, ctl.Version(), ctl.Endpoint())
	}
	status := then(ctl)
	c.renewContext(ctx)
	learnControllers(c)
	return status
}

// traced logs a message of the connection.
func (c *Commands) traced(sent bool, text []byte) {
	if sent {
		c.Log.Trace("sent %s", text)
		return
	}
	c.Log.Trace("received %s", text)
}

// skipped logs a message that answers no request.
func (c *Commands) skipped(why error) {
	if other, ok := errors.AsType[*client.OtherEvent](why); ok && c.AsZeekClient {
		if _, known := knownArguments(other.Name); !known {
			c.Log.Warning("received unexpected event %s, skipping", quote(other.Name))
			return
		}
	}
	c.Log.Debug("skipping a message: %v", why)
}

// retrying logs a failed attempt to connect: the first one as a warning with the
// time that is left, later ones as details.
func (c *Commands) retrying(ctx context.Context, where string, attempt int, err error) {
	// An attempt that nobody answers lasts as long as the pause between attempts.
	reason, each := "connection timed out for", 2*c.Settings.PeeringRetryDelay
	if failed, ok := errors.AsType[*client.DialError](err); ok && failed.Failure == client.DialRefused {
		reason, each = "connection refused for", c.Settings.PeeringRetryDelay
	}
	if attempt == 1 && !c.AsZeekClient {
		left := time.Duration(c.Settings.PeeringAttempts-1) * each
		if end, ok := ctx.Deadline(); ok {
			left = min(left, time.Until(end).Round(100*time.Millisecond))
		}
		c.Log.Warning("%s controller %s, trying for another %v", reason, where, left)
		return
	}
	c.Log.Debug("%s controller %s", reason, where)
}

// dialMessage returns the message about a connection that failed, in
// zeek-client's words. It adds the error of the last attempt, which zeek-client
// does not show.
func (c *Commands) dialMessage(where string, err error) string {
	if late, ok := errors.AsType[*client.TimeoutError](err); ok {
		text := fmt.Sprintf("websocket connection to %s timed out in %s", where, late.Stage)
		if errors.Is(late.Err, syscall.ECONNREFUSED) && !c.AsZeekClient {
			if here := c.noControllerHere(); here != "" {
				return text + ": " + here
			}
			text += ": connection refused"
		}
		return text
	}
	if text, ok := c.certificateRefused(where, err); ok {
		return text
	}
	failed, ok := errors.AsType[*client.DialError](err)
	if !ok {
		return fmt.Sprintf("connecting to controller %s: %v", where, err)
	}
	kind := "unexpected error"
	switch failed.Failure {
	case client.DialCanceled:
		return fmt.Sprintf("connecting to controller %s: %v", where, failed.Err)
	case client.DialNoAck:
		return fmt.Sprintf("protocol data error with controller %s: %v, raw data: %s", where, failed.Err, clip(failed.Raw))
	case client.DialTLS:
		kind = "socket TLS error"
	case client.DialSocket:
		kind = "socket error"
	case client.DialName, client.DialRejected, client.DialProtocol, client.DialInvalid:
		kind = "websocket error"
	}
	reason := dialReason(failed.Err)
	if failed.Status == http.StatusBadRequest && !c.Settings.TLS.Enable && c.Settings.Context == nil {
		reason += ", as servers do that want TLS: " + wantsTLS
	}
	if c.AsZeekClient {
		reason = strings.ReplaceAll(reason, wantsTLS, "set ssl.enable=true")
	}
	return fmt.Sprintf("%s in %s with controller %s: %s", kind, failed.Stage, where, reason)
}

// noControllerHere returns what is said if nothing listens on this host, and no context names
// a controller of another one. Otherwise it is empty.
func (c *Commands) noControllerHere() string {
	if c.Settings.Context != nil || len(c.Settings.Others) > 0 || !api.IsLoopback(c.where()) {
		return ""
	}
	return fmt.Sprintf("no controller runs on this host (nothing listens on %s): start it, or choose one of another host with --controller or zeekfleet context use (after zeekfleet login)", c.where())
}

// certificateRefused returns the message about a controller that has refused the
// certificate of the context. TLS has no place for the controller's reason.
func (c *Commands) certificateRefused(where string, err error) (text string, ok bool) {
	const refused = "refused by the server: " // of package client
	why := ""
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		why = op.Err.Error()
	} else if failed, ok := errors.AsType[*client.DialError](err); ok && failed.Failure == client.DialTLS {
		_, why, _ = strings.Cut(failed.Err.Error(), refused)
	}
	if why == "" || c.Settings.Context == nil || c.Settings.Bearer != "" {
		return "", false
	}
	used, again := c.Settings.Context, ""
	if !used.SSO {
		again = fmt.Sprintf("ask an admin for a new login (zeekfleet user add %s), and ", used.User)
	}
	return fmt.Sprintf("controller %s no longer takes the certificate of user %s (%s), and the controller's audit says why: %slog in again (%s)",
		where, used.User, why, again, used.loginAgain()), true
}

// dialReason returns the last part of dialMessage: the cause, and the setting
// that mends it. It leaves out the address, which the message has named already.
func dialReason(err error) string {
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Sprintf("look up %s: %s", lookup.Name, lookup.Err)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		if call, ok := errors.AsType[*os.SyscallError](op.Err); ok {
			return call.Err.Error()
		}
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate is signed by an authority that is not trusted: set ssl.cafile to that authority's"
	}
	text := err.Error()
	if strings.Contains(text, `\aZEEK`) { // the beginning of a Broker peer's hello
		return fmt.Sprintf("Broker peers connect there, not clients: name the controller's WebSocket port, by default %d", mgmt.ClientPort)
	}
	if strings.Contains(text, "readLoopPeekFailLocked") { // net/http's error about a server that sends before the request
		return "not a WebSocket server: it speaks before it is asked"
	}
	return strings.NewReplacer(
		"use wss instead of ws", wantsTLS,
		"does it expect wss?", "does it expect ssl.enable=true?",
		"use ws instead of wss", "set ssl.enable=false",
	).Replace(text)
}

// wantsTLS is what to do about a controller that speaks TLS alone.
const wantsTLS = "log in (zeekfleet login), or set ssl.enable=true"

// tlsConfig returns the TLS configuration for the settings of section ssl; nil is
// a connection without TLS. zeek-client never verifies the controller's
// certificate. This client verifies it if the settings name authorities or a
// certificate of the client. where is the controller's address, for a warning.
func (c *Commands) tlsConfig(ctx context.Context, where string) (*tls.Config, error) {
	if c.Settings.Bearer != "" {
		return c.bearerTLS(ctx, where)
	}
	if used := c.Settings.Context; used != nil {
		own, err := used.Credentials()
		if err == nil {
			err = used.CheckValid(own, time.Now())
		}
		if err != nil {
			return nil, err
		}
		c.own = own
		return own.TLS(where), nil
	}
	t := c.Settings.TLS
	if !t.Enable {
		return nil, nil
	}
	config, err := t.config(c.passphrase(ctx))
	if err != nil {
		return nil, err
	}
	if config.RootCAs == nil && config.Certificates == nil {
		c.Log.Warning("nothing verifies that %s is the controller: set ssl.cafile", where)
		config.InsecureSkipVerify = true
	}
	return config, nil
}

// config returns the configuration that verifies the controller's certificate.
func (t TLSSettings) config(passphrase func() (string, error)) (*tls.Config, error) {
	if err := t.checkFiles(); err != nil {
		return nil, err
	}
	var config tls.Config
	if t.Certificate != "" {
		keyFile := cmp.Or(t.KeyFile, t.Certificate) // one file may hold both
		cert, err := keyPair(t.Certificate, keyFile, passphrase)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{cert}
	}
	if err := t.addAuthorities(&config); err != nil {
		return nil, err
	}
	return &config, nil
}

// connecting returns what opens connections with this TLS configuration. TLS proves that
// the other side is the controller, plain text does not. doubt is that of the connector.
// Nil means TCP.
func (c *Commands) connecting(config *tls.Config, doubt func(error)) func(ctx context.Context, address string) (net.Conn, error) {
	switch {
	case config != nil:
		return nil
	case c.Settings.Bearer != "":
		return connectOwn
	case c.AsZeekClient && doubt != nil:
		return nil
	}
	return newConnector(c.Settings.ControllerUser, doubt).connect
}

// doubted warns that the program that answers may not be the controller. The requests of
// the Management API have no secrets, and their answers bring none.
func (c *Commands) doubted(why error) { c.Log.Warning("%v", why) }

// addAuthorities makes config trust the authorities of the settings. If the
// settings name none, config keeps those of the system.
func (t TLSSettings) addAuthorities(config *tls.Config) error {
	var files []string
	if t.CAFile != "" {
		files = append(files, t.CAFile)
	}
	if t.CAPath != "" {
		entries, err := os.ReadDir(t.CAPath)
		if err != nil {
			return fmt.Errorf("read SSL trusted CAs path: %w", err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				files = append(files, filepath.Join(t.CAPath, e.Name()))
			}
		}
	}
	if len(files) == 0 {
		return nil
	}
	pool, found := x509.NewCertPool(), false
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("read SSL trusted CAs: %w", err)
		}
		found = pool.AppendCertsFromPEM(text) || found
	}
	if !found {
		return errors.New("there is no certificate in ssl.cafile or ssl.capath")
	}
	config.RootCAs = pool
	return nil
}
