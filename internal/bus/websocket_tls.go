package bus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
)

// WebSocketTLS reads the TLS settings of a WebSocket listener from PEM files: its
// certificate (leaf first) and its key. If clientCA is not empty, clients must present
// a certificate that chains to one in that file. An error names the file.
func WebSocketTLS(certFile, keyFile, clientCA string) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("load certificate %s with key %s: %w", certFile, keyFile, err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}}
	if clientCA == "" {
		return cfg, nil
	}
	if cfg.ClientCAs, err = loadAuthorities(clientCA); err != nil {
		return nil, err
	}
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	return cfg, nil
}

// AnonymousTLS returns the TLS settings of a listener that has no certificate. It
// makes a certificate for itself, which clients cannot verify.
func AnonymousTLS() (*tls.Config, error) { return serverTLS(nil) }

// A client is told what to change if the client or the listener speaks TLS and the
// other side does not.
var (
	errWantsTLS   = &wsRefusal{http.StatusBadRequest, "This port speaks TLS: use wss instead of ws"}
	errWantsPlain = &wsRefusal{http.StatusBadRequest, "This port does not speak TLS: use ws instead of wss, or give the listener a certificate"}
)

// handshakeTLS does the TLS handshake on raw, within raw's deadline. If the client
// speaks plain HTTP, handshakeTLS returns raw and an error, so that the client can be
// told on raw. With any other error it returns nil.
func handshakeTLS(raw net.Conn, cfg *tls.Config) (net.Conn, error) {
	conn := tls.Server(raw, cfg)
	err := conn.Handshake()
	if err == nil {
		return conn, nil
	}
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok && looksLikeHTTP(header.RecordHeader[:]) {
		return raw, errWantsTLS
	}
	if err == io.EOF || errors.Is(err, syscall.ECONNRESET) {
		raw.Close()
		return nil, errProbe
	}
	closeHeard(raw) // so that the client reads the TLS alert
	return nil, fmt.Errorf("TLS handshake: %w", err)
}

// looksLikeHTTP reports whether start may be the start of an HTTP request line.
func looksLikeHTTP(start []byte) bool {
	for i, b := range start {
		if b == ' ' && i > 0 {
			return true
		}
		if b < 'A' || b > 'Z' {
			return false
		}
	}
	return true
}
