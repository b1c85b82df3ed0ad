package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Receiver says whom to tell, of what, and how.
type Receiver struct {
	// Name names the receiver, and the file of its cursor: lower-case letters, digits, - and _.
	Name string
	Kind mgmt.AlertReceiverKind
	// URL is that of a webhook. It may have a secret in it.
	URL string
	// Key signs the messages of a webhook. Empty means that they are not signed.
	Key []byte
	// TLS verifies the webhook's host. Nil means with the authorities of this host.
	TLS *tls.Config
	// Argv is a command.
	Argv []string
	// CriticalOnly leaves out alerts that only warn. NoResolved leaves out that alerts end.
	CriticalOnly, NoResolved bool
	// Timeout bounds an attempt. Zero means 10 s.
	Timeout time.Duration
}

// Config says what a Dispatcher delivers. Log and Dir are required.
type Config struct {
	Log *happenings.Log
	// Dir is the directory of the cursors, unless there are Cursors. It is made when there is
	// one.
	Dir string
	// Cursors returns what keeps the cursor of a receiver, for the controllers of a cluster.
	// Nil means files in Dir.
	Cursors   func(receiver string) Keep
	Receivers []Receiver
	// Controller is the name of the controller, for the messages.
	Controller string
	// Env is the environment of commands, beside what a message is about.
	Env []string
	// Queue bounds the messages that wait for one receiver. Zero means 1000.
	Queue int
	// FirstRetry is the pause after a failed attempt. It doubles with each further one, up to
	// LastRetry. Chance makes it up to a fifth longer. Zero means 1 s and 5 min.
	FirstRetry, LastRetry time.Duration
	// MaxRetryAfter bounds the pause for which a receiver may ask. Zero means 1 h.
	MaxRetryAfter time.Duration
	// Chance returns a number from 0 to 1. Nil means math/rand.
	Chance func() float64
	// Dial makes the connections of webhooks. Nil means to hosts of the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Logger gets the log records. Nil discards them.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Queue = cmp.Or(c.Queue, 1000)
	c.FirstRetry = cmp.Or(c.FirstRetry, time.Second)
	c.LastRetry = cmp.Or(c.LastRetry, 5*time.Minute)
	c.MaxRetryAfter = cmp.Or(c.MaxRetryAfter, time.Hour)
	if c.Cursors == nil {
		c.Cursors = func(receiver string) Keep { return cursorFile{c.Dir, receiver} }
	}
	if c.Chance == nil {
		c.Chance = rand.Float64
	}
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// MaxReceivers bounds the receivers.
const MaxReceivers = 50

// Check returns an error if the receiver cannot be told anything. It names no secret.
func (r Receiver) Check() error {
	if err := CheckName(r.Name); err != nil {
		return err
	}
	if r.Kind == mgmt.ReceiverCommand {
		switch {
		case len(r.Argv) == 0 || !filepath.IsAbs(r.Argv[0]):
			return errors.New("its command must begin with an absolute path")
		case r.URL != "" || len(r.Key) > 0 || r.TLS != nil:
			return errors.New("it is either a command or a webhook")
		}
		return nil
	}
	if len(r.Argv) > 0 {
		return errors.New("it is either a command or a webhook")
	}
	u, err := url.Parse(r.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return errors.New("its URL is not one of http or https")
	}
	if u.Scheme == "http" && r.TLS != nil {
		return errors.New("its URL is http, and an authority has no effect")
	}
	return nil
}

// CheckName returns an error unless a text may name a receiver.
func CheckName(name string) error {
	if name == "" || len(name) > 40 {
		return errors.New("the name of a receiver has 1 to 40 characters")
	}
	for _, c := range name {
		if (c < 'a' || 'z' < c) && (c < '0' || '9' < c) && c != '-' && c != '_' {
			return fmt.Errorf("the name of a receiver has lower-case letters, digits, - and _, and not %q", c)
		}
	}
	return nil
}

// target says where a receiver is, without secrets.
func (r Receiver) target() string {
	if r.Kind == mgmt.ReceiverCommand {
		return r.Argv[0]
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return "?"
	}
	return u.Scheme + "://" + u.Host
}
