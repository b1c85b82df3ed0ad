// Package sockownertest lets tests act as other users of this host. On Linux each
// thread has its own user, as it has its own network namespace.
package sockownertest

import (
	"context"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

// Nobody is the user nobody: not root, and not the user who runs the tests.
const Nobody = 65534

// DialAs connects to addr, an IP address and port, with a socket that belongs to the
// user uid. Only root can do that: the error for other users is EPERM.
func DialAs(ctx context.Context, uid int, addr string) (net.Conn, error) {
	type dialed struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialed)
	go OnAnotherThread(func() {
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)); errno != 0 {
			done <- dialed{nil, fmt.Errorf("become user %d: %w", uid, errno)}
			return
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		done <- dialed{conn, err}
	})
	d := <-done
	return d.conn, d.err
}

// OnAnotherThread calls do on a thread that ends afterwards. Call it in a goroutine
// of its own, which must end when OnAnotherThread returns. The thread is never the
// first one of the process: the first thread would not end, and the kernel shows its
// user and namespaces as those of the process.
func OnAnotherThread(do func()) {
	runtime.LockOSThread() // never unlocked, so the thread ends with this goroutine
	if unix.Gettid() != unix.Getpid() {
		do()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		OnAnotherThread(do)
	}()
	<-done
	runtime.UnlockOSThread()
}
