package bench

import (
	"io"
	"net"
	"slices"
	"time"
)

// smallEcho is the payload of the echo by which budgets are judged.
const smallEcho = 64

// A reference is how fast the machine itself is while a measurement is made: the time of
// a loopback echo, for each payload.
type reference struct {
	echoes map[int]time.Duration
	before time.Duration // the small echo before the measurement
}

// newReference measures the small echo.
func newReference() (*reference, error) {
	before, err := echo(smallEcho)
	return &reference{echoes: map[int]time.Duration{smallEcho: before}, before: before}, err
}

// complete measures the small echo again, and the echo of each payload of figures. The
// small echo is then the mean of both: the machine may have become faster or slower.
func (r *reference) complete(figures []figure) error {
	after, err := echo(smallEcho)
	if err != nil {
		return err
	}
	r.echoes[smallEcho] = (r.before + after) / 2
	for _, f := range figures {
		if _, ok := r.echoes[f.payload]; ok || f.payload == 0 {
			continue
		}
		if r.echoes[f.payload], err = echo(f.payload); err != nil {
			return err
		}
	}
	return nil
}

func (r *reference) small() time.Duration { return r.echoes[smallEcho] }

// echo returns the median time in which so many bytes go to another goroutine over
// loopback TCP, and come back. The other side copies with io.Copy, as when the 14 µs of
// budgetEcho were measured: another way to echo is another ruler. Two processes take 1.6
// times as long, and a loop of Read and Write takes 0.7 to 1.3 times as long.
func echo(payload int) (time.Duration, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.Copy(conn, conn) // until the other side closes
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return 0, err
	}
	defer func() {
		conn.Close()
		<-echoed
	}()
	buf := make([]byte, payload)
	took := make([]time.Duration, 0, 20_000)
	for until := time.Now().Add(300 * time.Millisecond); len(took) < cap(took) && time.Now().Before(until); {
		began := time.Now()
		if _, err := conn.Write(buf); err != nil {
			return 0, err
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			return 0, err
		}
		took = append(took, time.Since(began))
	}
	return quantile(took, 0.5), nil
}

// quantile sorts took and returns its q-quantile.
func quantile(took []time.Duration, q float64) time.Duration {
	slices.Sort(took)
	return took[min(int(q*float64(len(took))), len(took)-1)]
}
