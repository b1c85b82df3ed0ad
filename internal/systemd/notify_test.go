package systemd_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/systemd"
)

// listen returns a socket of a service manager.
func listen(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func read(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, 1000)
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(buf[:n])
}

func TestServiceManagerIsTold(t *testing.T) {
	for name, socket := range map[string]string{
		"a path": filepath.Join(t.TempDir(), "notify"), "an abstract socket": fmt.Sprintf("@zeekfleet-test-%d", os.Getpid()),
	} {
		conn := listen(t, socket)
		t.Setenv("NOTIFY_SOCKET", socket)
		t.Setenv("WATCHDOG_USEC", "30000000")
		t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
		n := systemd.FromEnvironment()
		if n.Watchdog() != 10*time.Second || !n.Listens() {
			t.Errorf("%s: watchdog every %v, listens %t", name, n.Watchdog(), n.Listens())
		}
		for _, variable := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
			if _, ok := os.LookupEnv(variable); ok {
				t.Errorf("%s: nodes would inherit %s", name, variable)
			}
		}
		for want, err := range map[string]error{
			"READY=1\nSTATUS=two nodes": n.Ready("two\nnodes"),
		} {
			if got := read(t, conn); err != nil || got != want {
				t.Errorf("%s: got %q, %v, want %q", name, got, err, want)
			}
		}
		if err := errors.Join(n.Status("x"), n.Alive(), n.Stopping()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := read(t, conn) + " " + read(t, conn) + " " + read(t, conn); got != "STATUS=x WATCHDOG=1 STOPPING=1\nSTATUS=stopping" {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestNobodyIsToldWithoutAServiceManager(t *testing.T) {
	var n systemd.Notifier
	if err := errors.Join(n.Ready("x"), n.Alive()); err != nil || n.Listens() || n.Watchdog() != 0 {
		t.Errorf("got %v, listens %t, watchdog %v", err, n.Listens(), n.Watchdog())
	}
	t.Setenv("NOTIFY_SOCKET", "nonsense")
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("WATCHDOG_PID", "1") // the watchdog is another process's
	n = systemd.FromEnvironment()
	if err := n.Alive(); err == nil || !strings.Contains(err.Error(), "neither a path nor an abstract socket") || n.Watchdog() != 0 {
		t.Errorf("got %v, watchdog %v", err, n.Watchdog())
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if err := systemd.FromEnvironment().Alive(); err == nil {
		t.Error("a socket that is gone was told")
	}
}

// A service manager that does not read must not hold up the service.
func TestABusyServiceManagerDoesNotHoldUp(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	listen(t, socket)
	t.Setenv("NOTIFY_SOCKET", socket)
	n := systemd.FromEnvironment()
	var err error
	for range 100000 {
		if err = n.Alive(); err != nil {
			break
		}
	}
	if err == nil {
		t.Error("100000 messages that nobody reads were sent")
	}
}

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if path, ok := systemd.Credential("token"); !ok || path != filepath.Join(dir, "token") {
		t.Errorf("got %q, %t", path, ok)
	}
	if _, ok := systemd.Credential("other"); ok {
		t.Error("there is a credential that nobody gave")
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, ok := systemd.Credential("token"); ok {
		t.Error("there is a credential without a directory")
	}
}
