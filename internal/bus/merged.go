package bus

import (
	"errors"
	"net"
	"sync"
)

// Merged returns one listener that accepts the connections of several. Its address is
// that of the first. It belongs to one goroutine, except that any may call Close.
func Merged(listeners ...net.Listener) net.Listener {
	if len(listeners) == 1 {
		return listeners[0]
	}
	return &merged{listeners: listeners, accepted: make(chan accepted), closed: make(chan struct{})}
}

type merged struct {
	listeners []net.Listener
	accepted  chan accepted
	closed    chan struct{}

	begin, end sync.Once
	accepting  sync.WaitGroup
}

// accepted is what an Accept of one listener returned.
type accepted struct {
	conn net.Conn
	err  error
}

func (m *merged) Addr() net.Addr { return m.listeners[0].Addr() }

func (m *merged) Accept() (net.Conn, error) {
	m.begin.Do(func() {
		for _, ln := range m.listeners {
			m.accepting.Go(func() { m.acceptFrom(ln) })
		}
	})
	select {
	case a := <-m.accepted:
		return a.conn, a.err
	case <-m.closed:
		return nil, net.ErrClosed
	}
}

// acceptFrom hands over connections until the listener is closed. While nobody takes one,
// it accepts none: they wait in the kernel.
func (m *merged) acceptFrom(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		select {
		case m.accepted <- accepted{conn, err}:
		case <-m.closed:
			if err == nil {
				conn.Close()
			}
			return
		}
	}
}

// Close closes all listeners, and returns when nothing accepts any more.
func (m *merged) Close() error {
	var errs []error
	m.end.Do(func() {
		close(m.closed)
		for _, ln := range m.listeners {
			errs = append(errs, ln.Close())
		}
		m.accepting.Wait()
	})
	return errors.Join(errs...)
}
