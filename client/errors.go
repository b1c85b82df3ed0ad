package client

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// DialFailure is the kind of failure of a Dial. Its text is for people.
type DialFailure string

// The kinds of failure.
const (
	DialInvalid  DialFailure = "invalid request"    // the address or the config is wrong; nothing was tried
	DialName     DialFailure = "name resolution"    // the host has no address
	DialRefused  DialFailure = "connection refused" // nobody listens there
	DialSocket   DialFailure = "socket"             // another error of the network connection
	DialTLS      DialFailure = "tls"                // the handshake failed, or only one side speaks TLS
	DialRejected DialFailure = "http rejection"     // the server answered with the HTTP status in DialError.Status
	DialProtocol DialFailure = "protocol"           // it is not a WebSocket server
	DialNoAck    DialFailure = "no ack"             // it is not a controller: its first message is in DialError.Raw
	DialTimeout  DialFailure = "timeout"            // the deadline of the context came first
	DialCanceled DialFailure = "canceled"           // the context ended otherwise
)

// DialStage is the step in which a Dial failed, in zeek-client's words.
type DialStage string

// The stages.
const (
	StageConnect   DialStage = "connect()" // everything up to the end of the WebSocket upgrade
	StageHandshake DialStage = "handshake" // subscribing to the topic of the controller's API
)

// DialError says in which stage a connection failed, and how.
type DialError struct {
	URL     string
	Stage   DialStage
	Failure DialFailure
	Status  int    // the HTTP status, if Failure is DialRejected
	Raw     string // what the server sent, if Failure is DialNoAck
	Err     error  // the cause: a *ServerError or a *ServerClosed if the server sent one
}

// Error names the URL and the cause. It says what to change where that is known.
func (e *DialError) Error() string { return fmt.Sprintf("connect to %s: %v", e.URL, e.Err) }

// Unwrap returns Err.
func (e *DialError) Unwrap() error { return e.Err }

// ServerError is the server's refusal of a message.
type ServerError struct{ Code, Context string }

// Error returns the code and the context.
func (e *ServerError) Error() string { return fmt.Sprintf("server error %s: %s", e.Code, e.Context) }

// ServerClosed says that the server has closed the connection.
type ServerClosed struct {
	// Code is the close code (RFC 6455 section 7.4). 1006 means that the connection
	// ended without one.
	Code   int
	Reason string
}

// Error returns the code and the reason.
func (e *ServerClosed) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("server closed the connection with code %d", e.Code)
	}
	return fmt.Sprintf("server closed the connection with code %d: %s", e.Code, e.Reason)
}

// TimeoutError means that the controller did not answer in time. It is a
// context.DeadlineExceeded.
type TimeoutError struct {
	// Address is the address of the controller.
	Address string
	// Stage is the stage of connecting, "connect()" or "handshake". It is empty for a
	// request.
	Stage string
	// Err is why the last attempt to connect failed; nil for a request.
	Err error
}

// Error returns the text of zeek-client for this error.
func (e *TimeoutError) Error() string {
	var b strings.Builder
	b.WriteString("websocket connection to " + e.Address + " timed out")
	if e.Stage != "" {
		b.WriteString(" in " + e.Stage)
	}
	return b.String()
}

// Is makes a TimeoutError a context.DeadlineExceeded.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// Unwrap returns Err.
func (e *TimeoutError) Unwrap() error { return e.Err }

// own returns err with the errors of this package in place of those of package
// websocket. The text stays the same.
func own(err error) error {
	if failed, ok := errors.AsType[*websocket.DialError](err); ok {
		return &DialError{
			URL:     failed.URL,
			Stage:   DialStage(failed.Stage),
			Failure: DialFailure(failed.Failure),
			Status:  failed.Status,
			Raw:     failed.Raw,
			Err:     own(failed.Err),
		}
	}
	if refused, ok := errors.AsType[*websocket.ServerError](err); ok {
		return &withText{err.Error(), new(ServerError(*refused))}
	}
	if closed, ok := errors.AsType[*websocket.ServerClosed](err); ok {
		return &withText{err.Error(), new(ServerClosed(*closed))}
	}
	return err
}

// withText is cause with a longer text, which also says what was being done.
type withText struct {
	text  string
	cause error
}

func (e *withText) Error() string { return e.text }

func (e *withText) Unwrap() error { return e.cause }
