package systemd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/systemd"
)

// answer serves a bus that lets everybody in and then writes these bytes.
func answer(t *testing.T, bytes []byte) systemd.Manager {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "bus")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 4096)
				conn.Read(buf)
				io.WriteString(conn, "OK 0123456789abcdef\r\n")
				conn.Write(bytes)
				io.Copy(io.Discard, conn)
			}()
		}
	}()
	return systemd.Manager{Socket: socket, Timeout: patience.Limit}
}

// header is the fixed part of a message.
func header(order byte, kind byte, body, fields uint32) []byte {
	var o binary.AppendByteOrder = binary.LittleEndian
	if order == 'B' {
		o = binary.BigEndian
	}
	b := []byte{order, kind, 0, 1}
	b = o.AppendUint32(b, body)
	b = o.AppendUint32(b, 7)
	return o.AppendUint32(b, fields)
}

// What the bus says wrong is an error, and takes neither memory nor time.
func TestABusThatTalksNonsense(t *testing.T) {
	for name, tt := range map[string]struct {
		says []byte
		want string
	}{
		"nothing":                   {nil, "systemd did not answer"},
		"no message":                {bytes.Repeat([]byte("x"), 100), "begins with 'x'"},
		"a message too long":        {header('l', 2, 1<<31, 0), "more than 262144 bytes"},
		"fields too long":           {header('B', 2, 0, 1<<31), "more than 262144 bytes"},
		"a field that ends early":   {append(header('l', 2, 0, 4), 5, 1, 'u', 0, 0, 0, 0, 0), "ends early"},
		"a field of a strange type": {append(header('l', 2, 0, 8), 5, 1, 'v', 0, 0, 0, 0, 0), `field of type "v"`},
	} {
		manager := answer(t, tt.says)
		if tt.says == nil { // the call takes all of its time
			manager.Timeout = 100 * time.Millisecond
		}
		err := manager.Reach(context.Background())
		for err != nil && strings.HasPrefix(err.Error(), "reach the system bus") && manager.Timeout < patience.Limit {
			manager.Timeout *= 2 // a slow host has not connected in time
			err = manager.Reach(context.Background())
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	if err := (systemd.Manager{Socket: filepath.Join(t.TempDir(), "none")}).Reach(t.Context()); err == nil || !strings.Contains(err.Error(), "reach the system bus") {
		t.Errorf("no bus: got %v", err)
	}
}
