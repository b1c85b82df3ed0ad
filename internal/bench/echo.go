package main

import (
	"context"
	"io"
	"net"
	"slices"
	"time"
)

// loopbackEcho measures the machine itself: it sends 64 bytes to another goroutine
// over TCP, and reads them back.
func loopbackEcho(context.Context, string) ([]figure, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
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
		io.Copy(conn, conn) // ends when the other side closes
	}()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return nil, err
	}
	buf := make([]byte, 64)
	took := make([]time.Duration, 0, 20_000)
	for range cap(took) {
		began := time.Now()
		if _, err := conn.Write(buf); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	conn.Close()
	<-echoed
	return []figure{{what: "reference: loopback echo, 64 B, p50", value: ms(quantile(took, 0.5)) * 1000, unit: "µs"}}, nil
}

// quantile sorts took and returns its q-quantile.
func quantile(took []time.Duration, q float64) time.Duration {
	slices.Sort(took)
	return took[min(int(q*float64(len(took))), len(took)-1)]
}
