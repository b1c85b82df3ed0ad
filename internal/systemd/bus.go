package systemd

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The bus itself.
const (
	busName = "org.freedesktop.DBus"
	busPath = "/org/freedesktop/DBus"
)

// conn is a connection with the bus, for the length of one operation.
type conn struct {
	net.Conn
	r      *bufio.Reader
	serial uint32
	early  []message // signals that came while a reply was awaited
}

// maxEarly bounds conn.early. Beyond it the oldest ones are dropped.
const maxEarly = 100

// do runs an operation on a new connection with the bus.
func (m Manager) do(ctx context.Context, operation func(*conn) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(m.Timeout, 10*time.Second))
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", cmp.Or(m.Socket, SystemBus))
	if err != nil {
		return fmt.Errorf("reach the system bus: %w", err)
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })()
	c := &conn{Conn: nc, r: bufio.NewReader(nc)}
	err = c.begin()
	if err == nil {
		err = operation(c)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("systemd did not answer: %w", context.Cause(ctx))
	}
	return err
}

// begin says who this is.
func (c *conn) begin() error {
	uid := hex.EncodeToString([]byte(strconv.Itoa(os.Geteuid())))
	if _, err := io.WriteString(c, "\x00AUTH EXTERNAL "+uid+"\r\n"); err != nil {
		return fmt.Errorf("log in to the system bus: %w", err)
	}
	line, err := c.r.ReadSlice('\n') // at most as long as the reader's buffer
	if err != nil {
		return fmt.Errorf("log in to the system bus: %w", err)
	}
	if !strings.HasPrefix(string(line), "OK ") {
		return fmt.Errorf("log in to the system bus: it says %.100q", strings.TrimSpace(string(line)))
	}
	if _, err := io.WriteString(c, "BEGIN\r\n"); err != nil {
		return fmt.Errorf("log in to the system bus: %w", err)
	}
	_, err = c.call(busName, busPath, busName, "Hello", "", nil)
	return err
}

// call calls a method and returns its reply.
func (c *conn) call(to, path, iface, member, signature string, body []byte) (message, error) {
	c.serial++
	serial := c.serial
	if _, err := c.Write(methodCall(serial, to, path, iface, member, signature, body)); err != nil {
		return message{}, fmt.Errorf("call %s: %w", member, err)
	}
	for {
		msg, err := readMessage(c.r)
		switch {
		case err != nil:
			return message{}, fmt.Errorf("call %s: %w", member, err)
		case msg.kind == kindSignal:
			if len(c.early) >= maxEarly {
				c.early = slices.Delete(c.early, 0, 1)
			}
			c.early = append(c.early, msg)
		case msg.replyTo != serial:
		case msg.kind == kindError:
			text, err := msg.decoder().text()
			if err != nil {
				text = "refused"
			}
			return message{}, fmt.Errorf("call %s: %w", member, &Error{msg.errorName, text})
		case msg.kind == kindReply:
			return msg, nil
		}
	}
}

// signal waits for a signal.
func (c *conn) signal(member string) (message, error) {
	for {
		var msg message
		if len(c.early) > 0 {
			msg, c.early = c.early[0], c.early[1:]
		} else {
			var err error
			if msg, err = readMessage(c.r); err != nil {
				return message{}, fmt.Errorf("wait for %s: %w", member, err)
			}
		}
		if msg.kind == kindSignal && msg.member == member {
			return msg, nil
		}
	}
}
