package bus

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// What comes in by HTTP counts as a newcomer's messages, until somebody says that it need not.
func TestPaceOfHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 1 << 20
		shared := &pacer{Pace: Pace{Burst: 10, PerSecond: 1, Shared: 100}}
		read := func(conn *httpConn) time.Duration {
			began := time.Now()
			if n, err := io.CopyN(io.Discard, conn, size); n != size || err != nil {
				t.Fatal(n, err)
			}
			return time.Since(began)
		}
		conn := &httpConn{src: bytes.NewReader(make([]byte, 4*size)), closed: make(chan struct{})}
		conn.allowance.of = shared
		if took := read(conn); took < 5*time.Second {
			t.Errorf("1 MiB took %v, and 1024 messages should take some 10 s", took)
		}
		conn.Pace(false)
		if took := read(conn); took != 0 {
			t.Errorf("without a pace 1 MiB took %v", took)
		}
		conn.Pace(true)
		if took := read(conn); took < 5*time.Second {
			t.Errorf("with the pace again 1 MiB took %v", took)
		}
	})
}
