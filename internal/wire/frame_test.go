package wire_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// unhex reads hex digits, ignoring white space.
func unhex(t testing.TB, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCutFrame(t *testing.T) {
	for name, c := range map[string]struct {
		buf           string
		message, rest string
		err           string
	}{
		"a frame with more behind it":      {buf: "00000002 aabb 00", message: "aabb", rest: "00"},
		"an empty frame":                   {buf: "00000000 ff", message: "", rest: "ff"},
		"a frame exactly at the limit":     {buf: "00000004 01020304", message: "01020304"},
		"one byte over the limit":          {buf: "00000005", err: "5 bytes announced, at most 4"},
		"the largest length there is":      {buf: "ffffffff 00", err: "4294967295 bytes announced"},
		"part of a length":                 {buf: "000000", err: "not complete"},
		"part of a message":                {buf: "00000002 aa", err: "not complete"},
		"nothing":                          {buf: "", err: "not complete"},
		"a TLS client hello":               {buf: "16030100f8", err: "the peer speaks TLS"},
		"a TLS alert":                      {buf: "15030300020228", err: "the peer speaks TLS"},
		"a length that only resembles TLS": {buf: "16000000", err: "bytes announced"},
	} {
		t.Run(name, func(t *testing.T) {
			buf := unhex(t, c.buf)
			message, rest, err := wire.CutFrame(buf, 4)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got error %v, want one with %q", err, c.err)
				}
				if !bytes.Equal(rest, buf) {
					t.Errorf("an error consumed %d bytes", len(buf)-len(rest))
				}
				return
			}
			if err != nil || !bytes.Equal(message, unhex(t, c.message)) || !bytes.Equal(rest, unhex(t, c.rest)) {
				t.Errorf("got %x, %x, %v", message, rest, err)
			}
		})
	}
}

func TestCutFrameDoesNotAllocate(t *testing.T) {
	buf := unhex(t, "00000002 aabb")
	if n := testing.AllocsPerRun(100, func() { wire.CutFrame(buf, 100) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCutFrame(f *testing.F) {
	f.Add(unhex(f, "00000002 aabb 00"), 64)
	f.Add(unhex(f, "ffffffff"), 64)
	f.Add(unhex(f, "00000000"), 0)
	f.Fuzz(func(t *testing.T, buf []byte, limit int) {
		limit &= wire.DefaultMaxFrame - 1
		message, rest, err := wire.CutFrame(buf, limit)
		if err != nil {
			if _, ok := errors.AsType[*wire.ProtocolError](err); !ok && err != wire.ErrShort {
				t.Fatalf("error of type %T", err)
			}
			if !bytes.Equal(rest, buf) {
				t.Fatal("an error consumed bytes")
			}
			return
		}
		if len(message) > limit {
			t.Fatalf("message of %d bytes, the limit is %d", len(message), limit)
		}
		if again := append(append(bytes.Clone(buf[:4]), message...), rest...); !bytes.Equal(again, buf) {
			t.Fatalf("%x was cut into %x and %x", buf, message, rest)
		}
	})
}
