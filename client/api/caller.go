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
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// caller makes requests, for Client and Access.
type caller struct {
	cfg  Config
	base string
	http *http.Client
	// several has the addresses. cfg.Address has all of them, for errors.
	several *several
}

func newCaller(cfg Config) (*caller, error) {
	addresses, err := joinPorts(cfg.Address, cfg.Others)
	if err != nil {
		return nil, err
	}
	cfg.Timeout = cmp.Or(cfg.Timeout, 30*time.Second)
	cfg.LeaderWait = cmp.Or(cfg.LeaderWait, 5*time.Second)
	scheme := "https"
	if cfg.TLS == nil {
		scheme = "http"
	}
	for _, address := range addresses {
		if cfg.Bearer != "" && cfg.TLS == nil && !IsLoopback(address) {
			return nil, fmt.Errorf("an API token must not cross the network in plain text: use TLS with the controller at %s", address)
		}
	}
	connect := cfg.Connect
	if connect == nil {
		connect = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	handshake := handshakeTimeout
	if len(addresses) > 1 {
		connect, handshake = boundedConnect(connect), addressTimeout
	}
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		conn, err := connect(ctx, address)
		if err != nil || cfg.TLS != nil {
			return conn, err
		}
		return newZeekConn(conn), nil
	}
	transport := &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        cfg.TLS,
		TLSHandshakeTimeout:    handshake,
		MaxResponseHeaderBytes: maxAnswerHeader,
		MaxConnsPerHost:        4,
		IdleConnTimeout:        30 * time.Second,
		ExpectContinueTimeout:  continueTimeout,
	}
	fresh := transport.Clone()
	fresh.DisableKeepAlives = true
	looks := fresh.Clone()
	looks.MaxConnsPerHost = 0 // a question of life and death does not wait for others
	ways := &several{addresses: addresses, wait: cfg.LeaderWait, next: transport, fresh: fresh, looks: looks}
	c := &caller{cfg: cfg, several: ways, http: &http.Client{
		Transport: ways,
		// A redirection could send a token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	c.cfg.Address = strings.Join(addresses, ", ")
	c.base = scheme + "://" + strings.ReplaceAll(addresses[0], "%", "%25") // of an IPv6 zone
	return c, nil
}

// continueTimeout is how long a controller may take to ask for the body of a request. Then the
// body is sent.
const continueTimeout = time.Second

// request is one request to the controller.
type request struct {
	method, path string
	query        url.Values
	in           any           // nil for none
	raw          []byte        // a body that is no JSON, in place of in
	wait         time.Duration // for which the controller may wait on purpose
	repeatable   bool          // it changes nothing, though it is no GET
	host         string        // by which the controller is called; empty means its address
	header       http.Header   // in addition; may be nil
}

// do makes a request and decodes the answer's JSON into out, unless out is nil.
func (c *caller) do(ctx context.Context, r request, out any) error {
	body, _, err := c.ask(ctx, r)
	if err != nil || out == nil {
		return err
	}
	return c.decode(body, r.path, out)
}

// decode decodes the JSON of an answer.
func (c *caller) decode(body []byte, path string, out any) error {
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("the controller at %s has answered something else than the JSON of %s: %v", c.cfg.Address, path, err)
	}
	return nil
}

// ask makes a request and returns the body and the header of the answer.
func (c *caller) ask(ctx context.Context, r request) ([]byte, http.Header, error) {
	timed, cancel := context.WithTimeoutCause(ctx, c.cfg.Timeout+r.wait,
		fmt.Errorf("the controller at %s did not answer within %s", c.cfg.Address, c.cfg.Timeout+r.wait))
	defer cancel()
	answer, err := c.open(timed, r)
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, MaxAnswer+1))
	switch {
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return nil, nil, readProblem(answer, text)
	case err != nil:
		return nil, nil, c.noAnswer(timed, err)
	case len(text) > MaxAnswer:
		return nil, nil, fmt.Errorf("the controller at %s has answered more than %d bytes", c.cfg.Address, MaxAnswer)
	}
	return text, answer.Header, nil
}

// open makes a request. The caller reads the body of the answer and closes it.
func (c *caller) open(ctx context.Context, r request) (*http.Response, error) {
	var body io.Reader
	if r.in != nil {
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false) // a configuration may be near the limit of a body
		if err := enc.Encode(r.in); err != nil {
			return nil, fmt.Errorf("encode the request: %w", err)
		}
		body = bytes.NewReader(bytes.TrimSpace(text.Bytes()))
	}
	if r.raw != nil {
		body = bytes.NewReader(r.raw)
	}
	if r.repeatable {
		ctx = context.WithValue(ctx, repeatable{}, true)
	}
	target := c.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make a request to %s: %w", c.cfg.Address, err)
	}
	req.Host = cmp.Or(r.host, req.Host)
	maps.Copy(req.Header, r.header)
	req.Header.Set("Accept", "application/json")
	if r.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.cfg.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Bearer)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, c.noAnswer(ctx, err)
	}
	if err := c.foreign(answer); err != nil {
		answer.Body.Close()
		return nil, err
	}
	return answer, nil
}

// noAnswer returns the error of a request without an answer.
func (c *caller) noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if all, ok := errors.AsType[*SeveralError](err); ok {
		return all
	}
	if silent, ok := errors.AsType[*SilentError](err); ok {
		return silent
	}
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	if _, ok := errors.AsType[*wrongController](err); ok {
		return err
	}
	if strings.Contains(err.Error(), `\aZEEK`) { // the beginning of a Broker peer's hello
		return &NoAPIError{Address: c.cfg.Address, Reason: fmt.Sprintf("Broker peers connect there, not clients: name the controller's port for clients, by default %d", DefaultPort)}
	}
	if _, said, ok := strings.Cut(err.Error(), "malformed HTTP response "); ok { // net/http has no type for it
		return &NoAPIError{Address: c.cfg.Address, Reason: fmt.Sprintf("it does not speak HTTP, and has said %s: name the controller's port for clients, by default %d", clipped(said), DefaultPort)}
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

// clipped returns the beginning of a text.
func clipped(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return text[:most] + "…"
}

// all returns every item of a list.
func all[T any](ctx context.Context, c *caller, path string) ([]T, error) {
	return allOf[T](ctx, c, path, url.Values{})
}

// allOf returns every item of a list that a query wants.
func allOf[T any](ctx context.Context, c *caller, path string, query url.Values) ([]T, error) {
	var items []T
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

func (c *caller) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, request{method: http.MethodGet, path: path}, out)
}

func (c *caller) post(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, request{method: http.MethodPost, path: path, in: in}, out)
}

func (c *caller) delete(ctx context.Context, path, name string) error {
	return c.do(ctx, request{method: http.MethodDelete, path: path + "/" + url.PathEscape(name)}, nil)
}
