package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
)

// TestMain is also the fake Zeek of the hosts.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "zeek" {
		fakezeek.Main()
	}
	os.Exit(m.Run())
}
