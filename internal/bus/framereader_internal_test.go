package bus

import (
	"bytes"
	"io"
	"testing"
)

// A connection that was busy once, and then is quiet, gives its memory back: a controller has
// thousands of them.
func TestTheBufferOfAPeerThatGotQuietGetsShort(t *testing.T) {
	var stream bytes.Buffer
	r := newFrameReader(io.Reader(&stream))
	message := func(size int) {
		frame := append([]byte{byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}, make([]byte, size)...)
		stream.Write(frame)
		got, err := r.next(1 << 20)
		if err != nil || len(got) != size {
			t.Fatalf("a message of %d bytes: %d, %v", size, len(got), err)
		}
	}
	message(100_000)
	if long := len(r.buf); long < 100_000 {
		t.Fatalf("%d bytes hold a message of 100,000", long)
	}
	for range 200 {
		message(10)
	}
	if len(r.buf) != minReadBuffer {
		t.Errorf("the buffer of a quiet peer has %d bytes", len(r.buf))
	}
	message(50_000)
	for range 200 {
		message(30_000)
	}
	if len(r.buf) < 30_000 {
		t.Errorf("the buffer of a busy peer has %d bytes", len(r.buf))
	}
}
