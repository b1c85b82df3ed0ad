package bus

import (
	"context"
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
	cert, err := loadPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	if clientCA == "" {
		return &tls.Config{Certificates: []tls.Certificate{cert}}, nil
	}
	authorities, err := loadAuthorities(clientCA)
	if err != nil {
		return nil, err
	}
	cfg := ServerTLS(FixedTLS(cert, authorities), true)
	cfg.Certificates = []tls.Certificate{cert} // for those who want to read its names
	return cfg, nil
}

// AnonymousTLS returns the TLS settings of a listener that has no certificate. It
// makes a certificate for itself, which clients cannot verify.
func AnonymousTLS() (*tls.Config, error) { return serverTLS(nil, false, nil) }

// A client is told what to change if the client or the listener speaks TLS and the
// other side does not.
var (
	errWantsTLS   = &wsRefusal{http.StatusBadRequest, "This port speaks TLS: use https instead of http, or use wss instead of ws"}
	errWantsPlain = &wsRefusal{http.StatusBadRequest, "This port does not speak TLS: use ws instead of wss, or give the listener a certificate"}
)

// handshakeTLS does the TLS handshake on raw, within raw's deadline. If the client
// speaks plain HTTP, handshakeTLS returns raw and an error, so that the client can be
// told on raw. With any other error it returns nil.
func handshakeTLS(ctx context.Context, raw net.Conn, cfg *tls.Config) (secured, error) {
	ctx, found := withVerdict(ctx)
	conn := tls.Server(raw, cfg)
	err := conn.HandshakeContext(ctx)
	if err == nil {
		return secured{conn, *found}, nil
	}
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok && looksLikeHTTP(header.RecordHeader[:]) {
		return secured{Conn: raw}, errWantsTLS
	}
	if err == io.EOF || errors.Is(err, syscall.ECONNRESET) {
		raw.Close()
		return secured{}, errProbe
	}
	closeHeard(raw) // so that the client reads the TLS alert
	return secured{}, clientHandshakeError(err)
}

// clientHandshakeError says that the handshake with a client failed. A client that does
// not trust the server's certificate ends the handshake. OpenSSL does so in a way that
// crypto/tls takes for a damaged record.
func clientHandshakeError(err error) error {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Err == nil {
		return handshakeError(err)
	}
	switch op.Op + ": " + op.Err.Error() {
	case "remote error: tls: bad certificate", "remote error: tls: unknown certificate", "remote error: tls: unknown certificate authority":
		return fmt.Errorf("the client does not trust our authority, which zeekfleet ca show --pem prints, or calls us by a name that our certificate does not have (%w)", err)
	case "local error: tls: bad record MAC":
		return fmt.Errorf("the client has ended the TLS handshake: perhaps it does not trust our authority, which zeekfleet ca show --pem prints (%w)", err)
	}
	return handshakeError(err)
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
