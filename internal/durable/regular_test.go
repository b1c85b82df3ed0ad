package durable_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

func TestReadRegular(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := durable.ReadRegular(path, 4); string(text) != "four" || err != nil {
		t.Errorf("at the limit: %q, %v", text, err)
	}
	if text, err := durable.ReadRegular(path, 3); text != nil || !errors.Is(err, durable.ErrTooLong) {
		t.Errorf("beyond the limit: %q, %v", text, err)
	}
	if _, err := durable.ReadRegular(filepath.Dir(path), 4); !errors.Is(err, durable.ErrNotRegular) {
		t.Errorf("a directory: %v", err)
	}
}
