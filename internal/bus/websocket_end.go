package bus

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	framing "github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

// wsEnd is the reason why a client's connection ends, and what the client is told.
type wsEnd struct {
	code    framing.StatusCode // of the close frame; zero sends none
	reason  string             // of the close frame
	message wsjson.Failure     // sent before the close frame, unless it is empty
	usual   bool               // an operator need not look at it
	err     error              // the cause; nil if reason is the cause
}

func (e *wsEnd) Error() string {
	if e.err == nil {
		return e.reason
	}
	return e.err.Error()
}

func (e *wsEnd) Unwrap() error { return e.err }

// The ends whose text is always the same (spec websocket 4, 5, 11 and 17).
// endNotUTF8 and endTooSlow are ours; Zeek has no such ends.
var (
	endBadURI      = refuseClient("invalid_uri", "Invalid URI - use "+websocket.Path)
	endBadApp      = refuseClient("invalid_application_name", "Invalid X-Application-Name")
	endManyTopics  = refuseClient("too_many_subscriptions", "Too many subscriptions")
	endLongTopics  = refuseClient("too_many_subscriptions", "Subscriptions too long")
	endTerminating = &wsEnd{code: framing.StatusGoingAway, reason: "Terminating", usual: true}
	endPingTimeout = &wsEnd{code: framing.StatusInternalError, reason: "Ping timeout"}
	endNotUTF8     = &wsEnd{code: framing.StatusInvalidFramePayloadData, reason: "Invalid frame payload data"}
	endTooSlow     = &wsEnd{
		code:    framing.StatusTryAgainLater,
		reason:  "Send queue full",
		message: wsjson.Failure{Code: "send_queue_full", Context: "Send queue full - the client reads too slowly"},
	}
)

// refuseClient is the end of a client that is not admitted.
func refuseClient(code, context string) *wsEnd {
	return &wsEnd{
		code:    framing.StatusPolicyViolation,
		reason:  context,
		message: wsjson.Failure{Code: code, Context: context},
	}
}

// endDropped is the end of a client that Drop was called for.
func endDropped(reason error) *wsEnd {
	return &wsEnd{code: framing.StatusPolicyViolation, reason: closeReason(reason.Error()), err: reason}
}

// endCrowdedOut is the end of a client that is dropped in favour of others: its
// message or its seat is needed.
func endCrowdedOut(reason error) *wsEnd {
	return &wsEnd{code: framing.StatusTryAgainLater, reason: closeReason(reason.Error()), err: reason}
}

// endTooLong is the end of a client that sends a message of more than that many
// bytes.
func endTooLong(most int) *wsEnd {
	limit := fmt.Sprintf("%d bytes", most)
	if most%(1<<20) == 0 {
		limit = fmt.Sprintf("%d MiB", most>>20)
	}
	return &wsEnd{code: framing.StatusMessageTooBig, reason: "Message too big: more than " + limit}
}

// endJoin is the end of a client that could not become a peer.
func endJoin(err error) *wsEnd {
	return &wsEnd{
		code:   framing.StatusInternalError,
		reason: "Could not subscribe. Something bad happened!",
		err:    err,
	}
}

// endOfReading returns the end for an error of the framing library. If the client has
// broken a rule of the protocol, the library has usually sent a close frame of its
// own already. Then ours is not sent.
func (c *wsClient) endOfReading(err error) *wsEnd {
	closed, isClose := errors.AsType[framing.CloseError](err)
	switch {
	case isClose:
		return &wsEnd{usual: true, err: fmt.Errorf("%w: code %d %q", ErrPeerClosed, closed.Code, closed.Reason)}
	case errors.Is(err, errCloseReason):
		return endNotUTF8
	case errors.Is(err, errTooLong):
		return endTooLong(c.s.cfg.MaxMessage)
	case websocket.ConnectionLost(err):
		return &wsEnd{usual: true, err: fmt.Errorf("connection lost: %v", websocket.RootCause(err))}
	}
	return &wsEnd{code: framing.StatusProtocolError, reason: "Protocol error", err: websocket.RootCause(err)}
}

// endOfWriting returns the end for the error of a write.
func endOfWriting(err error) *wsEnd {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &wsEnd{reason: "Send timeout"}
	}
	return &wsEnd{usual: true, err: fmt.Errorf("connection lost: %v", websocket.RootCause(err))}
}

// closeReason cuts text to the length that fits into a close frame.
func closeReason(text string) string {
	const most = 123 // bytes (RFC 6455 section 5.5)
	text = strings.ToValidUTF8(text, "?")
	for len(text) > most {
		_, last := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-last]
	}
	return text
}

// errorContext returns Zeek's text for a message that was refused because of err.
func errorContext(err error) string {
	if e, ok := errors.AsType[*wsjson.Error](err); ok {
		return e.Context
	}
	return wsjson.ContextBody
}
