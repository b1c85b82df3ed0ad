package etcdstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
	"github.com/zeekfleet/zeekfleet/internal/store/storetest"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// single is a member of its own, for the tests that need no other one.
var single *etcdstore.Engine

func TestMain(m *testing.M) {
	if dir := os.Getenv(dirEnv); dir != "" {
		os.Exit(failureMain(dir))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "etcdstore")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ports, err := porttest.Reserve()
	if err != nil {
		panic(err)
	}
	defer ports.Close()
	address := fmt.Sprintf("127.0.0.1:%d", ports.Next())
	single, err = etcdstore.Open(context.Background(), etcdstore.Config{
		Name: "single", Prefix: "zeekfleet/test/", Dir: dir, Listen: "http://" + address, Advertise: "http://" + address,
		NoSync: true, Chunk: 16 << 10, MaxValue: 64 << 10, MaxSave: 100 << 10,
	})
	if err != nil {
		panic(err)
	}
	<-single.Ready()
	code := m.Run()
	if err := single.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// address returns an address that belongs to a test.
func address(t testing.TB) string {
	t.Helper()
	ports, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ports.Close() })
	return fmt.Sprintf("127.0.0.1:%d", ports.Next())
}

// logger returns a logger that writes to the output of a test.
func logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// part is a store that ends with nothing: its engine stays.
type part struct{ store.Store }

func (part) Close() error { return nil }

var parts atomic.Int64

// partOf returns a part of the test alone.
func partOf(t testing.TB) string {
	return strings.ReplaceAll(fmt.Sprintf("%s-%d", t.Name(), parts.Add(1)), "/", "-")
}

func TestStore(t *testing.T) {
	places := map[string]string{}
	storetest.Run(t, func(t *testing.T, s storetest.Settings) storetest.Store {
		if places[s.Place] == "" {
			places[s.Place] = partOf(t)
		}
		return part{single.Store(places[s.Place], quorum.Fence{})}
	})
}
