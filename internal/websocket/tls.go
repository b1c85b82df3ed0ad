package websocket

import (
	"crypto/tls"
	"errors"
	"net"
)

// TLSAlert is the first byte that a TLS server sends when it is spoken to in
// plain text.
const TLSAlert = 0x15

// RemoteAlert reports whether err is an alert that the other side of a TLS
// connection has sent.
func RemoteAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

// clientTLS returns cfg with the server's name filled in.
func clientTLS(cfg *tls.Config, host string) *tls.Config {
	if cfg == nil {
		cfg = new(tls.Config)
	}
	cfg = cfg.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	return cfg
}

var errServerTLS = errors.New("server speaks TLS: use wss instead of ws")

// alertConn is a plain connection. Its first read fails with errServerTLS if the
// server answers with a TLS alert.
type alertConn struct {
	net.Conn
	begun bool
}

func (c *alertConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && !c.begun {
		c.begun = true
		if p[0] == TLSAlert {
			return 0, errServerTLS
		}
	}
	return n, err
}
