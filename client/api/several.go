package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// addressTimeout bounds a connection to one of several addresses, and its handshake.
const addressTimeout = 2 * time.Second

// several makes requests to the controllers at several addresses, or at one. It begins with the
// one that has answered last, and goes on with the next one when a controller cannot have carried
// a request out, or when the request may be carried out twice. While no controller leads, it asks
// again.
type several struct {
	addresses []string
	wait      time.Duration
	next      *http.Transport
	// fresh makes a connection for each request. It is for changes without a body: a controller
	// may close a connection that nobody uses just when such a request comes, and then nobody
	// knows whether it was carried out.
	fresh *http.Transport
	// looks asks controllers that say nothing whether they live.
	looks    *http.Transport
	answered atomic.Int32 // the index of the address that has answered last
}

// silence is after what time without an answer a client asks whether the controller lives, and
// lookTimeout how long that may take. lookEvery is the pause between two of these questions. A
// controller that was stopped or cut off is given up after 5 s at most.
const (
	silence     = 2 * time.Second
	lookTimeout = 2 * time.Second
	lookEvery   = 2500 * time.Millisecond
)

// askAgain is the pause between two rounds while no controller leads.
const askAgain = 100 * time.Millisecond

// SeveralError is the error of a request that was tried at several addresses.
type SeveralError struct {
	Addresses []string
	// Errs are the errors, one for each address.
	Errs []error
}

// Error names all addresses.
func (e *SeveralError) Error() string {
	var reasons []string
	for i, err := range e.Errs {
		text := err.Error()
		if !strings.Contains(text, e.Addresses[i]) {
			text = e.Addresses[i] + ": " + text
		}
		reasons = append(reasons, text)
	}
	return fmt.Sprintf("none of %d controllers could be asked: %s", len(e.Errs), strings.Join(reasons, "; "))
}

// Unwrap returns Errs.
func (e *SeveralError) Unwrap() []error { return e.Errs }

// address returns the address that has answered last.
func (s *several) address() string { return s.addresses[s.answered.Load()] }

// RoundTrip makes a request. The host of its URL stands for all addresses.
func (s *several) RoundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	for {
		answer, err := s.round(req)
		if err != nil || answer.Header.Get(NoLeaderHeader) == "" || time.Since(began) >= s.wait {
			return answer, err
		}
		select {
		case <-time.After(askAgain):
			closeAnswer(answer)
		case <-req.Context().Done():
			return answer, nil
		}
	}
}

// repeatable is the key in the context of a request that changes nothing, and is no GET.
type repeatable struct{}

// mayRepeat reports whether a request may be carried out twice.
func mayRepeat(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodPut, http.MethodDelete: // RFC 9110, section 9.2.2
		return true
	}
	return req.Context().Value(repeatable{}) != nil
}

// round asks each controller until one has answered that leads. Otherwise it returns the answer of
// one that does not.
func (s *several) round(req *http.Request) (*http.Response, error) {
	first, unsure := int(s.answered.Load()), false
	failed := &SeveralError{}
	var refusal *http.Response
	for i := range s.addresses {
		at := (first + i) % len(s.addresses)
		answer, sent, err := s.ask(req, s.addresses[at])
		switch {
		case err == nil && answer.Header.Get(NoLeaderHeader) == "":
			s.answered.Store(int32(at))
			closeAnswer(refusal)
			if unsure && req.Method == http.MethodDelete && answer.StatusCode == http.StatusNotFound {
				closeAnswer(answer)
				answer = &http.Response{StatusCode: http.StatusNoContent, Header: answer.Header, Body: http.NoBody, Request: answer.Request}
			}
			return answer, nil
		case err == nil:
			closeAnswer(refusal)
			refusal = answer
			continue
		}
		failed.Addresses, failed.Errs = append(failed.Addresses, s.addresses[at]), append(failed.Errs, err)
		unsure = unsure || sent
		if req.Context().Err() != nil || sent && !mayRepeat(req) {
			closeAnswer(refusal)
			return nil, err
		}
	}
	switch {
	case refusal != nil:
		return refusal, nil
	case len(failed.Errs) == 1:
		return nil, failed.Errs[0]
	}
	return nil, failed
}

func closeAnswer(answer *http.Response) {
	if answer != nil {
		answer.Body.Close()
	}
}

// ask makes a request to the controller at an address. sent says that it may have got it. It has
// not got a request with a body if it has not asked for the body.
func (s *several) ask(req *http.Request, address string) (answer *http.Response, sent bool, err error) {
	var got atomic.Bool
	ctx, over := req.Context(), s.next
	if req.GetBody == nil {
		ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { got.Store(true) }})
		if req.Method != http.MethodGet {
			over = s.fresh
		}
	}
	out := req.Clone(ctx)
	if out.Host == req.URL.Host {
		out.Host = ""
	}
	out.URL.Host = address
	if req.GetBody != nil {
		out.GetBody = func() (io.ReadCloser, error) {
			body, err := req.GetBody()
			return &wanted{body, &got}, err
		}
		if out.Body, err = out.GetBody(); err != nil {
			return nil, false, err
		}
		out.Header.Set("Expect", "100-continue")
	}
	answer, err = s.watched(over, out)
	return answer, got.Load(), err
}

// SilentError says that a controller does not answer any more.
type SilentError struct{ Address string }

// Error says what that means for a request.
func (e *SilentError) Error() string {
	return fmt.Sprintf("the controller at %s is silent, and whether it has done what was asked is not known: look before you ask again", e.Address)
}

// watched makes a request. While there is no answer, it looks whether the controller lives.
func (s *several) watched(over http.RoundTripper, req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	var look *time.Timer
	ready := make(chan struct{})
	look = time.AfterFunc(silence, func() {
		<-ready
		if s.lives(ctx, req) {
			look.Reset(lookEvery)
		} else {
			cancel(&SilentError{req.URL.Host})
		}
	})
	close(ready)
	answer, err := over.RoundTrip(req.WithContext(ctx))
	look.Stop()
	silent, ok := errors.AsType[*SilentError](context.Cause(ctx))
	if err != nil {
		cancel(nil)
		if ok {
			err = silent
		}
		return nil, err
	}
	answer.Body = &released{answer.Body, cancel}
	return answer, nil
}

// lives reports whether the controller of a request answers anything within lookTimeout.
func (s *several) lives(ctx context.Context, of *http.Request) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	req := (&http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: of.URL.Scheme, Host: of.URL.Host, Path: PathLive}, Host: of.Host, Header: http.Header{}}).WithContext(ctx)
	answer, err := s.looks.RoundTrip(req)
	if err == nil {
		answer.Body.Close()
	}
	return !errors.Is(ctx.Err(), context.DeadlineExceeded)
}

// released is the body of an answer. Its end ends the context of the request.
type released struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (r *released) Close() error {
	err := r.ReadCloser.Close()
	r.cancel(nil)
	return err
}

// wanted is the body of a request. It notes when it is read.
type wanted struct {
	io.ReadCloser
	read *atomic.Bool
}

func (w *wanted) Read(b []byte) (int, error) {
	w.read.Store(true)
	return w.ReadCloser.Read(b)
}

// CloseIdleConnections closes the connections that no request uses.
func (s *several) CloseIdleConnections() {
	s.next.CloseIdleConnections()
	s.looks.CloseIdleConnections()
}

// joinPorts returns addresses with their ports, without duplicates.
func joinPorts(first string, others []string) (list []string, err error) {
	for _, address := range append([]string{first}, others...) {
		if address, err = JoinPort(address); err != nil {
			return nil, err
		}
		if !slices.Contains(list, address) {
			list = append(list, address)
		}
	}
	if len(list) > MaxAddresses {
		return nil, fmt.Errorf("there are %d addresses of controllers, at most %d are allowed", len(list), MaxAddresses)
	}
	return list, nil
}

// MaxAddresses bounds the addresses of the controllers of one cluster.
const MaxAddresses = 16

// boundedConnect bounds the time of connect.
func boundedConnect(connect func(context.Context, string) (net.Conn, error)) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, addressTimeout, fmt.Errorf("%s has not answered within %s", address, addressTimeout))
		defer cancel()
		conn, err := connect(ctx, address)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return conn, err
	}
}
