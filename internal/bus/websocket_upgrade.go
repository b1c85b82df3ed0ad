package bus

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	framing "github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/site"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// wsUpgraded is a connection whose HTTP upgrade has succeeded, or that is for
// WebSocketConfig.HTTP.
type wsUpgraded struct {
	conn   secured       // the accepted connection, or TLS on top of it
	self   Peer          // describes the client
	br     *bufio.Reader // holds the bytes after the request that were read already
	target string        // the request target, byte for byte
	seat   *wsSeat
	http   []byte // what was read of a connection that is for HTTP; nil: it is a WebSocket
}

// wsRefusal is the HTTP error that answers a request for an upgrade.
type wsRefusal struct {
	status int
	reason string // printable ASCII, because it becomes part of the status line
}

func (r *wsRefusal) Error() string { return fmt.Sprintf("HTTP status %d: %s", r.status, r.reason) }

// upgrade does the TLS handshake, if the connection is TLS, and the HTTP upgrade, all
// within UpgradeTimeout. It tells a refused client why. If it returns no error, and the
// connection is not for HTTP, the client has taken a seat of s.clients.
func (s *wsServer) upgrade(ctx context.Context, raw net.Conn, self Peer) (up wsUpgraded, err error) {
	raw.SetDeadline(time.Now().Add(s.cfg.UpgradeTimeout))
	conn, err := s.secure(ctx, raw, self.Caller)
	if conn.Conn == nil {
		return up, err
	}
	if err == nil {
		conn.describe(&self)
		up, err = s.upgradeHTTP(conn, self)
	}
	if refusal, ok := errors.AsType[*wsRefusal](err); ok {
		refuse(conn.Conn, refusal)
	}
	if err != nil {
		return up, err
	}
	raw.SetDeadline(time.Time{})
	return up, nil
}

// secure does the TLS handshake on raw, if the connection is TLS. With an error it
// returns the connection on which the client can be told, or nil if there is none.
func (s *wsServer) secure(ctx context.Context, raw net.Conn, caller Caller) (secured, error) {
	config := s.cfg.OptionalTLS
	if s.cfg.TLS != nil {
		config = s.cfg.TLS
		if !s.cfg.PlainHere || !caller.Local && !local(raw.LocalAddr()) {
			return handshakeTLS(ctx, raw, config)
		}
	}
	var first [1]byte
	n, _ := raw.Read(first[:]) // after an error, the next read fails too
	conn := &peeked{Conn: raw, first: first[:n]}
	switch {
	case first[0] != tlsRecord:
		return secured{Conn: conn}, nil
	case config == nil:
		return secured{Conn: conn}, errWantsPlain
	}
	return handshakeTLS(ctx, conn, config)
}

func (s *wsServer) upgradeHTTP(conn secured, self Peer) (up wsUpgraded, err error) {
	var read bytes.Buffer
	from := io.LimitReader(conn, wsMaxUpgrade)
	if s.cfg.HTTP != nil {
		from = io.TeeReader(from, &read)
	}
	br := bufio.NewReader(from)
	divert := s.cfg.HTTP != nil && s.cfg.Divert != nil && s.cfg.Divert()
	req, err := readUpgrade(br, s.cfg.HTTP != nil, divert)
	if err == errNoWebSocket {
		return wsUpgraded{conn: conn, self: self, http: read.Bytes()}, nil
	}
	if err != nil {
		return up, err
	}
	self.App, self.Origin, self.Bearer, self.For = req.app, req.origin, req.bearer, req.passed
	if err := s.greet(self); err != nil {
		return up, forbidden(err)
	}
	// The controller that passes a request on has checked it, and goes by other names.
	if self.For == "" {
		if err := site.Check(req.host, req.origin, s.cfg.HostNames); err != nil {
			return up, forbidden(err)
		}
	}
	seat := newWSSeat(self.Caller)
	if !s.clients.take(&seat.seat) {
		return up, &wsRefusal{http.StatusServiceUnavailable, "Too many clients"}
	}
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: %s\r\n"+
		"Upgrade: websocket\r\nConnection: Upgrade\r\nServer: zeekfleet\r\n%s\r\n", acceptKey(req.key), s.announcement())
	if err != nil {
		s.clients.leave(&seat.seat)
		return up, fmt.Errorf("answer upgrade request: %w", err)
	}
	return wsUpgraded{conn: conn, self: self, br: br, target: req.target, seat: seat}, nil
}

// greet returns an error if a client may not connect.
func (s *wsServer) greet(p Peer) error {
	if s.cfg.Greet != nil {
		return s.cfg.Greet(p)
	}
	if p.For != "" {
		return errors.New("only controllers may ask for others")
	}
	if p.Certificate != nil {
		return nil
	}
	return p.Denied
}

type upgradeRequest struct{ target, key, app, host, origin, bearer, passed string }

// errNoWebSocket says that a request does not ask for a WebSocket.
var errNoWebSocket = errors.New("the request does not ask for a WebSocket")

// readUpgrade reads a request for an upgrade. It checks what Zeek checks, in Zeek's
// order and with Zeek's words (spec websocket 3.1). If a header is repeated, the last
// one counts. The key is not decoded. Connection is ignored. If other requests are
// welcome, readUpgrade returns errNoWebSocket for them, and with divert for every request of
// HTTP.
func readUpgrade(br *bufio.Reader, others, divert bool) (upgradeRequest, error) {
	if _, err := br.Peek(1); closedByPeer(err) {
		return upgradeRequest{}, errProbe
	}
	r := textproto.NewReader(br)
	line, err := r.ReadLine()
	if err != nil {
		return upgradeRequest{}, badUpgrade("Error reading HTTP request line", "")
	}
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	if divert && isHTTP(method, version) {
		return upgradeRequest{}, errNoWebSocket
	}
	others = others && target != websocket.Path && isHTTP(method, version)
	var badLine error
	switch {
	case method != "GET":
		badLine = badUpgrade("Invalid HTTP method, need GET, got ", method)
	case version != "HTTP/1.1":
		badLine = badUpgrade("Invalid HTTP version, need HTTP/1.1, got: ", version)
	}
	if badLine != nil && !others {
		return upgradeRequest{}, badLine
	}
	header, err := r.ReadMIMEHeader()
	if err == nil && others && !asksForWebSocket(header) {
		return upgradeRequest{}, errNoWebSocket
	}
	switch {
	case badLine != nil:
		return upgradeRequest{}, badLine
	case err != nil:
		return upgradeRequest{}, badUpgrade("Error parsing HTTP headers", "")
	}
	return checkHeaders(target, header)
}

// isHTTP reports whether a request line is one of HTTP/1.
func isHTTP(method, version string) bool {
	return (version == "HTTP/1.1" || version == "HTTP/1.0") &&
		method != "" && !strings.ContainsFunc(method, func(r rune) bool { return r < 'A' || r > 'Z' })
}

func asksForWebSocket(header textproto.MIMEHeader) bool {
	upgrade := strings.ToLower(strings.Join(header.Values("Upgrade"), ","))
	return strings.Contains(upgrade, "websocket") || len(header.Values("Sec-WebSocket-Key")) > 0
}

// checkHeaders checks the headers of a request for an upgrade.
func checkHeaders(target string, header textproto.MIMEHeader) (_ upgradeRequest, err error) {
	last := func(name string) (value string, ok bool) {
		values := header.Values(name)
		if len(values) == 0 {
			return "", false
		}
		return values[len(values)-1], true
	}
	key, hasKey := last("Sec-WebSocket-Key")
	upgrade, hasUpgrade := last("Upgrade")
	wsVersion, hasVersion := last("Sec-WebSocket-Version")
	app, _ := last("X-Application-Name")
	authorization, _ := last("Authorization")
	host, origin, passed := header.Values("Host"), header.Values("Origin"), header.Values(websocket.ForHeader)
	switch {
	case !hasKey:
		err = badUpgrade("Missing Sec-WebSocket-Key value", "")
	case !hasUpgrade:
		err = badUpgrade("Missing Upgrade header", "")
	case !strings.EqualFold(upgrade, "websocket") && upgrade != "keep-alive, Upgrade":
		err = badUpgrade("Invalid Upgrade header, need WebSocket, got ", upgrade)
	case !hasVersion:
		err = badUpgrade("Missing Sec-WebSocket-Version value", "")
	case wsVersion != "13":
		err = badUpgrade("Invalid Sec-WebSocket-Version, need 13, got ", wsVersion)
	case len(host) > 1:
		err = badUpgrade("More than one Host", "")
	case len(origin) > 1:
		err = badUpgrade("More than one Origin", "")
	case len(passed) > 1:
		err = badUpgrade("More than one "+websocket.ForHeader, "")
	}
	return upgradeRequest{target, key, app, strings.Join(host, ""), strings.Join(origin, ""), bearer(authorization), strings.Join(passed, "")}, err
}

// bearer returns the token in an Authorization header, or nothing.
func bearer(authorization string) string {
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// badUpgrade refuses a request. text is the part of the request that is wrong.
func badUpgrade(reason, text string) error {
	return &wsRefusal{http.StatusBadRequest, reason + printable(text)}
}

// forbidden refuses a well-formed request.
func forbidden(why error) error {
	return &wsRefusal{http.StatusForbidden, "Forbidden: " + why.Error()}
}

// printable returns the beginning of a client's text, in printable ASCII.
func printable(text string) string {
	const most = 64 // bytes
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text[:min(len(text), most)])
}

// refuse answers a request with an error and closes conn.
func refuse(conn net.Conn, r *wsRefusal) {
	conn.SetDeadline(time.Now().Add(websocket.CloseWait))
	fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nServer: zeekfleet\r\nContent-Type: text/plain\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n%s\n", r.status, r.reason, len(r.reason)+1, r.reason)
	closeHeard(conn)
}

// closeHeard closes conn, after the other side has had CloseWait to read the last
// bytes. If conn were closed with unread input, these bytes could be lost.
func closeHeard(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(websocket.CloseWait))
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		io.CopyN(io.Discard, conn, wsMaxUpgrade)
	}
	conn.Close()
}

// announcement returns the header line with Announce, or nothing.
func (s *wsServer) announcement() string {
	if s.cfg.Announce == "" {
		return ""
	}
	return websocket.ServerHeader + ": " + s.cfg.Announce + "\r\n"
}

// acceptKey returns the Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455
// section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// frames returns the framed connection. The framing library does not see the real
// request, because it would refuse requests that Zeek takes. It sees a request that it
// accepts.
func (up wsUpgraded) frames(onPong func(), charge func(frames int)) (*framing.Conn, error) {
	req := &http.Request{
		Method:     http.MethodGet,
		ProtoMajor: 1,
		ProtoMinor: 1,
		Header: http.Header{
			"Connection":            {"Upgrade"},
			"Upgrade":               {"websocket"},
			"Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key":     {"AAAAAAAAAAAAAAAAAAAAAA=="},
		},
	}
	read, _ := up.br.Peek(up.br.Buffered())
	metered := &wsMeter{Conn: up.conn.Conn, src: io.MultiReader(bytes.NewReader(read), up.conn.Conn), charge: charge}
	return framing.Accept(hijacked{metered, http.Header{}}, req, &framing.AcceptOptions{
		InsecureSkipVerify: true, // the request has no Origin
		CompressionMode:    framing.CompressionDisabled,
		OnPongReceived:     func(context.Context, []byte) { onPong() },
	})
}

// hijacked is the response writer of a request that was answered already.
type hijacked struct {
	conn   net.Conn
	header http.Header
}

func (h hijacked) Header() http.Header         { return h.header }
func (h hijacked) Write(p []byte) (int, error) { return len(p), nil }
func (h hijacked) WriteHeader(int)             {}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}
