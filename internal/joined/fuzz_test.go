package joined_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/joined"
)

func seed(f *testing.F, name string) {
	f.Helper()
	text, err := os.ReadFile("testdata/form1/" + name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
}

// Whatever is read as a request is written as the same request.
func FuzzDecodeRequest(f *testing.F) {
	seed(f, "sensor-1.request")
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := joined.DecodeRequest(text)
		if err != nil {
			return
		}
		again, err := joined.DecodeRequest(r.Encode())
		if err != nil || again.Instance != r.Instance || again.Controller != r.Controller || !bytes.Equal(again.Key, r.Key) || !bytes.Equal(again.NodeKey, r.NodeKey) {
			t.Errorf("%+v becomes %+v, %v", r, again, err)
		}
	})
}

// Whatever is read as an answer either completes a request, or is an error.
func FuzzDecodeSigned(f *testing.F) {
	seed(f, "sensor-1.signed")
	text, err := os.ReadFile("testdata/form1/request.json")
	if err != nil {
		f.Fatal(err)
	}
	dir := joined.Dir(f.TempDir())
	if err := os.Chmod(string(dir), 0o700); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(dir.Path("request.json"), text, 0o600); err != nil {
		f.Fatal(err)
	}
	pending, err := dir.LoadPending()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := joined.DecodeSigned(text)
		if err != nil {
			return
		}
		c, err := pending.Complete(s)
		if err != nil {
			return
		}
		if h, err := c.Use(); err == nil && h.Instance != pending.Instance {
			t.Errorf("the credentials are for %s", h.Instance)
		}
	})
}

// A file with credentials is read as it was written, or not at all.
func FuzzLoad(f *testing.F) {
	seed(f, "joined.json")
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := joined.Dir(t.TempDir())
		if err := os.Chmod(string(dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir.File(), text, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := dir.Load()
		if err != nil {
			return
		}
		if err := dir.Save(h.Credentials); err != nil {
			t.Fatal(err)
		}
		if again, err := dir.Load(); err != nil || again.Instance != h.Instance || !bytes.Equal(again.Certificate, h.Certificate) {
			t.Errorf("after saving: %v", err)
		}
	})
}
