package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The bounds of a Client that no configuration changes.
const (
	// MaxAnswer bounds the body of an answer, in bytes.
	MaxAnswer = 16 << 20
	// MaxItems bounds a list, which may have many pages.
	MaxItems = 100_000
	// maxAnswerHeader bounds the header of an answer, in bytes.
	maxAnswerHeader = 64 << 10
)

// Config says how a Client reaches a controller.
type Config struct {
	// Address is the controller's host and port. Without a port it is DefaultPort.
	Address string
	// TLS is nil for plain text, which controllers take from their own host alone.
	TLS *tls.Config
	// Bearer is an API token. It may be empty.
	Bearer string
	// Connect opens connections, below TLS. Nil means TCP.
	Connect func(ctx context.Context, address string) (net.Conn, error)
	// Timeout bounds a request with its answer. The time for which a request asks the
	// controller to wait comes on top. Zero means 30 seconds.
	Timeout time.Duration
}

// Client asks a controller. Any goroutine may use it.
//
// The error of a request is a *Problem if the controller has answered, and the cause of
// the context's end if the context has ended.
type Client struct {
	cfg  Config
	base string
	http *http.Client
}

// New returns a client. It connects at its first request.
func New(cfg Config) (*Client, error) {
	address, err := JoinPort(cfg.Address)
	if err != nil {
		return nil, err
	}
	cfg.Address = address
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	scheme := "https"
	if cfg.TLS == nil {
		scheme = "http"
	}
	if cfg.Bearer != "" && cfg.TLS == nil && !IsLoopback(address) {
		return nil, fmt.Errorf("an API token must not cross the network in plain text: use TLS with the controller at %s", address)
	}
	var dial func(ctx context.Context, network, address string) (net.Conn, error)
	if cfg.Connect != nil {
		dial = func(ctx context.Context, _, address string) (net.Conn, error) { return cfg.Connect(ctx, address) }
	}
	return &Client{
		cfg:  cfg,
		base: scheme + "://" + strings.ReplaceAll(address, "%", "%25"), // of an IPv6 zone
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:            dial,
				TLSClientConfig:        cfg.TLS,
				TLSHandshakeTimeout:    handshakeTimeout,
				MaxResponseHeaderBytes: maxAnswerHeader,
				MaxConnsPerHost:        4,
				IdleConnTimeout:        30 * time.Second,
			},
			// A redirection could send a token elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Address returns the controller's host and port.
func (c *Client) Address() string { return c.cfg.Address }

// Close ends the connections that no request uses.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// JoinPort returns host and port for a host with or without a port. Without one the port
// is DefaultPort.
func JoinPort(address string) (string, error) { return HostPort(address, DefaultPort) }

// HostPort is JoinPort with another default.
func HostPort(address string, otherwise uint16) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"), strconv.Itoa(int(otherwise))
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || !isHost(host) {
		return "", fmt.Errorf("%.100q is not the address of a controller: write host or host:port", address)
	}
	return net.JoinHostPort(host, port), nil
}

// isHost reports whether text is an IP address, or may be a name. A zone may have
// characters that a URL cannot.
func isHost(text string) bool {
	if ip, err := netip.ParseAddr(text); err == nil {
		text = ip.Zone()
	} else if text == "" {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || 'z' < r) && (r < 'A' || 'Z' < r) && (r < '0' || '9' < r) && !strings.ContainsRune("-._", r)
	})
}

// IsLoopback reports whether a host:port is one that other hosts cannot reach.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// request is one request to the controller.
type request struct {
	method, path string
	query        url.Values
	in           any           // nil for none
	wait         time.Duration // for which the controller may wait on purpose
	host         string        // by which the controller is called; empty means its address
}

// do makes a request and decodes the answer's JSON into out, unless out is nil.
func (c *Client) do(ctx context.Context, r request, out any) error {
	body, err := c.ask(ctx, r)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("the controller at %s has answered something else than the JSON of %s: %v", c.cfg.Address, r.path, err)
	}
	return nil
}

// ask makes a request and returns the body of the answer.
func (c *Client) ask(ctx context.Context, r request) ([]byte, error) {
	timed, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout+r.wait,
		fmt.Errorf("the controller at %s did not answer within %s", c.cfg.Address, c.cfg.Timeout+r.wait))
	defer cancel()
	var body io.Reader
	if r.in != nil {
		text, err := json.Marshal(r.in)
		if err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(timed, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make a request to %s: %w", c.cfg.Address, err)
	}
	req.Host = cmp.Or(r.host, req.Host)
	req.Header.Set("Accept", "application/json")
	if r.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cfg.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Bearer)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, c.noAnswer(timed, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, MaxAnswer+1))
	switch {
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return nil, readProblem(answer, text)
	case err != nil:
		return nil, c.noAnswer(timed, err)
	case len(text) > MaxAnswer:
		return nil, fmt.Errorf("the controller at %s has answered more than %d bytes", c.cfg.Address, MaxAnswer)
	}
	return text, nil
}

// noAnswer returns the error of a request without an answer.
func (c *Client) noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if _, ok := errors.AsType[*wrongController](err); ok {
		return err
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Errorf("the program at %s does not speak TLS: is this the port of a controller, and has that controller an authority of its own?", c.cfg.Address)
	}
	if c.cfg.TLS != nil && c.cfg.TLS.GetClientCertificate == nil && strings.HasSuffix(err.Error(), "tls: certificate required") {
		return fmt.Errorf("the program at %s takes nobody without a certificate: if this is the port for agents, use that for clients, and for joining, which is %d by default; else show a certificate (ssl.certificate)",
			c.cfg.Address, DefaultPort)
	}
	return fmt.Errorf("ask the controller at %s: %w", c.cfg.Address, err)
}

// all returns every item of a list.
func all[T any](ctx context.Context, c *Client, path string) ([]T, error) {
	var items []T
	query := url.Values{}
	for {
		var page Page[T]
		if err := c.do(ctx, request{method: http.MethodGet, path: path, query: query}, &page); err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		switch {
		case page.Next == "":
			return items, nil
		case len(page.Items) == 0 || page.Next == query.Get("after"):
			return nil, fmt.Errorf("the controller at %s never comes to the end of %s", c.cfg.Address, path)
		case len(items) > MaxItems:
			return nil, fmt.Errorf("the controller at %s has more than %d entries in %s", c.cfg.Address, MaxItems, path)
		}
		query.Set("after", page.Next)
	}
}
