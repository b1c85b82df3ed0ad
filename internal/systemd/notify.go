package systemd

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Notifier tells the service manager how this service is doing. The zero value tells nobody.
type Notifier struct {
	socket   string
	watchdog time.Duration
}

// FromEnvironment returns the Notifier for the socket that the service manager has named. It
// takes the variables out of the environment: nodes must not speak for the service.
func FromEnvironment() Notifier {
	n := Notifier{socket: os.Getenv("NOTIFY_SOCKET")}
	micros, err := strconv.ParseUint(os.Getenv("WATCHDOG_USEC"), 10, 62)
	pid := os.Getenv("WATCHDOG_PID")
	if err == nil && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.watchdog = time.Duration(min(micros, 1<<50)) * time.Microsecond
	}
	for _, name := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		os.Unsetenv(name)
	}
	return n
}

// Listens reports whether somebody is told.
func (n Notifier) Listens() bool { return n.socket != "" }

// Watchdog returns how often to call Alive. Zero means never.
func (n Notifier) Watchdog() time.Duration {
	if n.socket == "" {
		return 0
	}
	return n.watchdog / 3
}

// Ready says that the service serves, and what it is doing in a few words.
func (n Notifier) Ready(status string) error {
	return n.send("READY=1\nSTATUS=" + oneLine(status))
}

// Status says what the service is doing, in a few words.
func (n Notifier) Status(status string) error { return n.send("STATUS=" + oneLine(status)) }

// Stopping says that the service is about to end.
func (n Notifier) Stopping() error { return n.send("STOPPING=1\nSTATUS=stopping") }

// Alive says that the service is not hung.
func (n Notifier) Alive() error { return n.send("WATCHDOG=1") }

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// send sends one datagram. It does not wait: a service manager that is busy must not hold up
// the service.
func (n Notifier) send(state string) error {
	if n.socket == "" {
		return nil
	}
	if n.socket[0] != '/' && n.socket[0] != '@' {
		return fmt.Errorf("tell the service manager: NOTIFY_SOCKET %.100q is neither a path nor an abstract socket", n.socket)
	}
	// Go's net takes a name that begins with @ for an abstract socket.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	var sendErr error
	if err := raw.Control(func(fd uintptr) {
		sendErr = unix.Sendmsg(int(fd), []byte(state), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	}); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	if sendErr != nil {
		return fmt.Errorf("tell the service manager: %w", sendErr)
	}
	return nil
}

// Credential returns the path of a credential that the service manager has given this
// service (LoadCredential), and false if it gave none of this name.
func Credential(name string) (path string, ok bool) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	if !filepath.IsAbs(dir) {
		return "", false
	}
	path = filepath.Join(dir, name)
	info, err := os.Stat(path)
	return path, err == nil && info.Mode().IsRegular()
}

// Booted reports whether systemd is this host's service manager.
func Booted() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}
