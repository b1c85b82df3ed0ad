package bus_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// readFrame reads one frame, with its length.
func readFrame(t testing.TB, conn io.Reader) []byte {
	t.Helper()
	frame := make([]byte, 4)
	if _, err := io.ReadFull(conn, frame); err != nil {
		t.Fatalf("no frame: %v", err)
	}
	frame = append(frame, make([]byte, binary.BigEndian.Uint32(frame))...)
	if _, err := io.ReadFull(conn, frame[4:]); err != nil {
		t.Fatalf("part of a frame: %v", err)
	}
	return frame
}

// unhex reads hex digits, ignoring white space.
func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// dataFrame returns the frame of a data message.
func dataFrame(sender, receiver wire.ID, topic string, v zval.Value) []byte {
	return wire.AppendMessage(nil, wire.Message{
		Sender: sender, Receiver: receiver, Type: wire.TypeData, TTL: wire.DefaultTTL,
		Topic: []byte(topic), Payload: native.Append(nil, v),
	})
}

// dialWith is dial, and fails when ctx ends or l is closed.
func (l *pipeListener) dialWith(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
