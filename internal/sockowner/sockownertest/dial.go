// Package sockownertest lets tests be other users of this host, which like network
// namespaces are a matter of threads.
package sockownertest

import (
	"context"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

// Nobody is a user who is neither root nor the one who runs the tests.
const Nobody = 65534

// DialAs connects to addr, an IP address and port, with a socket that is
// another user's. Only root can do that; the error is EPERM for others.
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

// OnAnotherThread, which is to be called in a goroutine of its own, calls do on a
// thread that ends afterwards. It is never the process's first one, which would not end, and
// by which the process as a whole is judged.
func OnAnotherThread(do func()) {
	runtime.LockOSThread() // nothing unlocks it, and so the thread ends with this goroutine
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
