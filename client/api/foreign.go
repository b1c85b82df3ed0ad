package api

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
)

// NoAPIError says that the program at an address answers, and is no controller of
// zeekfleet.
type NoAPIError struct {
	Address string
	// Zeek says that it seems to be Zeek's own controller, which has no HTTP API.
	Zeek   bool
	Reason string
}

// Error names the address and the reason.
func (e *NoAPIError) Error() string {
	return fmt.Sprintf("the program at %s has no HTTP API of zeekfleet: %s", e.Address, e.Reason)
}

// foreign returns an error if an answer cannot be one of zeekfleet. It reads no body: a
// server that is no HTTP server may never end it.
func (c *caller) foreign(answer *http.Response) error {
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusUpgradeRequired:
	default:
		return nil
	}
	server := answer.Header.Get("Server")
	if server == "zeekfleet" || strings.HasPrefix(answer.Header.Get("Content-Type"), "application/problem+json") || answer.Header.Get("Zeekfleet-Server") != "" {
		return nil
	}
	if strings.HasPrefix(server, "ixwebsocket/") { // the library of Zeek's WebSocket server
		return &NoAPIError{Address: c.cfg.Address, Zeek: true, Reason: "it is Zeek's own controller"}
	}
	if answer.StatusCode == http.StatusBadRequest {
		return nil // a server may refuse the request before it knows what is asked
	}
	return &NoAPIError{Address: c.cfg.Address, Reason: "it has answered " + printable(answer.Status)}
}

// zeekConn completes what Zeek's WebSocket server answers to any other request. Zeek 8.2.2
// sends a status and a header without the empty line that ends it, and ends the connection.
// Package http takes that for a connection that was lost.
//
// It also holds back what a server says before it is asked, as SSH servers do. Package http
// loses that, and then has no answer to look at.
type zeekConn struct {
	net.Conn
	head  []byte // the beginning of what the server has sent
	ask   sync.Once
	asked chan struct{} // is closed when the server is asked for the first time, or never will be
}

func newZeekConn(conn net.Conn) *zeekConn { return &zeekConn{Conn: conn, asked: make(chan struct{})} }

// Write sends a part of a request.
func (c *zeekConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.ask.Do(func() { close(c.asked) })
	return n, err
}

// Close ends the connection.
func (c *zeekConn) Close() error {
	c.ask.Do(func() { close(c.asked) })
	return c.Conn.Close()
}

// maxZeekHead is more than Zeek's server says of itself.
const maxZeekHead = 1024

// Read reads what the server has sent, and the empty line that is missing.
func (c *zeekConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		<-c.asked
	}
	c.head = append(c.head, b[:min(n, maxZeekHead-len(c.head))]...)
	if n > 0 || err == nil || !unfinishedByZeek(c.head) {
		return n, err
	}
	n = copy(b, "\r\n")
	c.head = append(c.head, b[:n]...)
	return n, nil
}

func unfinishedByZeek(head []byte) bool {
	return bytes.HasPrefix(head, []byte("HTTP/1.1 400 ")) && bytes.Contains(head, []byte("\r\nServer: ixwebsocket/")) &&
		bytes.HasSuffix(head, []byte("\r\n")) && !bytes.HasSuffix(head, []byte("\r\n\r\n"))
}
