package bus_test

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Opcodes of frames (RFC 6455 section 5.2), with the final bit that belongs to
// an unfragmented message.
const (
	opText   = 0x81
	opBinary = 0x82
	opClose  = 0x88
	opPing   = 0x89
	opPong   = 0x8a
)

// upgradeText is what zeek-client sends, for this target.
func upgradeText(target string, headers ...string) string {
	lines := append([]string{
		"GET " + target + " HTTP/1.1",
		"Upgrade: websocket",
		"Host: 127.0.0.1:2149",
		"Origin: http://127.0.0.1:2149",
		"Sec-WebSocket-Key: v9YvOiCOyjoQ6asuVSfY5g==",
		"Sec-WebSocket-Version: 13",
		"Connection: Upgrade",
	}, headers...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// rawWS is a client that sends what it is told, right or wrong.
type rawWS struct {
	t  testing.TB
	c  net.Conn
	br *bufio.Reader
}

func newRawWS(t testing.TB, c net.Conn) *rawWS {
	t.Cleanup(func() { c.Close() })
	return &rawWS{t: t, c: c, br: bufio.NewReader(c)}
}

// rawDial connects without an upgrade. The connection fails after patience.
func rawDial(t testing.TB, addr string) *rawWS {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(patience))
	return newRawWS(t, c)
}

// rawUpgrade connects and upgrades.
func rawUpgrade(t testing.TB, addr, target string, headers ...string) *rawWS {
	t.Helper()
	w := rawDial(t, addr)
	w.upgrade(target, headers...)
	return w
}

// rawClient is a client that has its ack; its first ping has been read.
func rawClient(t testing.TB, addr, topics string) *rawWS {
	t.Helper()
	w := rawUpgrade(t, addr, "/v1/messages/json")
	w.expect(opPing, "ixwebsocket::heartbeat::5s::0")
	w.frame(opText, topics)
	if got := w.text(); !strings.HasPrefix(got, `{"type":"ack",`) {
		t.Fatalf("got %s, want an ack", got)
	}
	return w
}

func (w *rawWS) write(b string) {
	w.t.Helper()
	if _, err := io.WriteString(w.c, b); err != nil {
		w.t.Fatal(err)
	}
}

func (w *rawWS) upgrade(target string, headers ...string) {
	w.t.Helper()
	w.write(upgradeText(target, headers...))
	if resp := w.response(); resp.StatusCode != http.StatusSwitchingProtocols {
		w.t.Fatalf("upgrade of %q: got %s", target, resp.Status)
	}
}

// response reads the answer to an upgrade request.
func (w *rawWS) response() *http.Response {
	w.t.Helper()
	resp, err := http.ReadResponse(w.br, &http.Request{Method: http.MethodGet})
	if err != nil {
		w.t.Fatalf("read response: %v", err)
	}
	return resp
}

// frame sends a masked frame. The first byte is the opcode with its flags.
func (w *rawWS) frame(first byte, payload string) {
	w.t.Helper()
	w.write(maskedFrame(first, payload))
}

func maskedFrame(first byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xffff:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return string(b)
}

// next reads one frame.
func (w *rawWS) next() (first byte, payload string, err error) {
	var head [2]byte
	if _, err := io.ReadFull(w.br, head[:]); err != nil {
		return 0, "", err
	}
	n := int(head[1])
	switch n {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(w.br, b[:])
		n = int(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(w.br, b[:])
		n = int(binary.BigEndian.Uint64(b[:]))
	}
	if err != nil {
		return 0, "", err
	}
	text := make([]byte, n)
	_, err = io.ReadFull(w.br, text)
	return head[0], string(text), err
}

// expect reads one frame, which must be this one.
func (w *rawWS) expect(first byte, payload string) {
	w.t.Helper()
	gotFirst, got, err := w.next()
	if err != nil || gotFirst != first || got != payload {
		w.t.Fatalf("got frame %#x %q, error %v; want %#x %q", gotFirst, got, err, first, payload)
	}
}

// text reads the next text message, passing over pings.
func (w *rawWS) text() string {
	w.t.Helper()
	for {
		first, payload, err := w.next()
		switch {
		case err != nil:
			w.t.Fatalf("read message: %v", err)
		case first == opText:
			return payload
		case first != opPing:
			w.t.Fatalf("got frame %#x %q, want text", first, payload)
		}
	}
}

// expectClose reads a close frame, passing over pings, answers it, and reads the
// end of the connection.
func (w *rawWS) expectClose(code uint16, reason string) {
	w.t.Helper()
	first, payload, err := w.next()
	for err == nil && first == opPing {
		first, payload, err = w.next()
	}
	if want := closePayload(code, reason); err != nil || first != opClose || payload != want {
		w.t.Fatalf("got frame %#x %q, error %v; want close %q", first, payload, err, want)
	}
	io.WriteString(w.c, maskedFrame(opClose, payload)) // the server may have gone already
	w.expectEnd()
}

// expectEnd reads the end of the connection.
func (w *rawWS) expectEnd() {
	w.t.Helper()
	if first, payload, err := w.next(); err == nil {
		w.t.Fatalf("got frame %#x %q, want the end of the connection", first, payload)
	}
}

func closePayload(code uint16, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, code)) + reason
}

// failure is an error message of the server.
func failure(code, context string) string {
	return fmt.Sprintf(`{"type":"error","code":%q,"context":%q}`, code, context)
}

// eventText is an event as a client sends it.
func eventText(topic, name string, args ...string) string {
	return fmt.Sprintf(`{"type":"data-message","topic":%q,"@data-type":"vector","data":[{"@data-type":"count","data":1},`+
		`{"@data-type":"count","data":1},{"@data-type":"vector","data":[{"@data-type":"string","data":%q},`+
		`{"@data-type":"vector","data":[%s]}]}]}`, topic, name, strings.Join(args, ","))
}
