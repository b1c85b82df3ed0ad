package websocket

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// DialFailure is the kind of failure of a Dial. Its text is for people.
type DialFailure string

// The kinds of failure. Spec zeek-client 5 says what a client does about each.
const (
	DialInvalid  DialFailure = "invalid request"    // the URL or the config is wrong; nothing was tried
	DialName     DialFailure = "name resolution"    // the host has no address
	DialRefused  DialFailure = "connection refused" // nobody listens there
	DialSocket   DialFailure = "socket"             // any other trouble of the connection
	DialTLS      DialFailure = "tls"                // the handshake failed, or one side alone speaks TLS
	DialRejected DialFailure = "http rejection"     // an HTTP answer other than 101, see Status
	DialProtocol DialFailure = "protocol"           // it is not a WebSocket server
	DialNoAck    DialFailure = "no ack"             // the first message is not an ack, see Raw
	DialTimeout  DialFailure = "timeout"            // ctx's deadline came first
	DialCanceled DialFailure = "canceled"           // ctx ended otherwise
)

// DialStage is the step in which Dial failed, in zeek-client's words.
type DialStage string

// The stages.
const (
	StageConnect   DialStage = "connect()" // everything up to the end of the upgrade
	StageHandshake DialStage = "handshake" // sending the topics and waiting for the ack
)

// DialError is the error of Dial.
type DialError struct {
	URL     string
	Stage   DialStage
	Failure DialFailure
	Status  int    // the HTTP status, for DialRejected
	Raw     string // what came instead of the ack, for DialNoAck
	Err     error  // a *ServerError or *ServerClosed where the server has said why
}

// Error names the URL and the cause. Where it is known what to change, Error says
// so.
func (e *DialError) Error() string { return fmt.Sprintf("connect to %s: %v", e.URL, e.Err) }

// Unwrap returns Err.
func (e *DialError) Unwrap() error { return e.Err }

func dialError(stage DialStage, failure DialFailure, err error) *DialError {
	return &DialError{Stage: stage, Failure: failure, Err: err}
}

// at fills in the URL. If ctx has ended, the failure is the end of ctx, and not the
// error that this end has caused.
func (e *DialError) at(ctx context.Context, url string) *DialError {
	e.URL = url
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded),
		errors.Is(e.Err, os.ErrDeadlineExceeded), errors.Is(e.Err, context.DeadlineExceeded): // net.Dialer may notice the deadline before ctx does
		e.Failure, e.Err = DialTimeout, context.DeadlineExceeded
	case ctx.Err() != nil:
		e.Failure, e.Err = DialCanceled, context.Cause(ctx)
	}
	return e
}
