package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// addressTimeout bounds a connection to one of several addresses, and its handshake.
const addressTimeout = 3 * time.Second

// several makes requests to the controllers at several addresses. It begins with the one
// that has answered last, and goes on with the next one when a controller cannot have carried
// a request out.
type several struct {
	addresses []string
	next      http.RoundTripper
	answered  atomic.Int32 // the index of the address that has answered last
}

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
	first := int(s.answered.Load())
	failed := &SeveralError{}
	var refusal *http.Response
	for i := range s.addresses {
		at := (first + i) % len(s.addresses)
		answer, sent, err := s.ask(req, s.addresses[at])
		switch {
		case err == nil && answer.Header.Get(NoLeaderHeader) == "":
			s.answered.Store(int32(at))
			closeAnswer(refusal)
			return answer, nil
		case err == nil:
			closeAnswer(refusal)
			refusal = answer
			continue
		}
		failed.Addresses, failed.Errs = append(failed.Addresses, s.addresses[at]), append(failed.Errs, err)
		if req.Context().Err() != nil || sent && req.Method != http.MethodGet {
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

// ask makes a request to the controller at an address. sent says that it may have got it.
func (s *several) ask(req *http.Request, address string) (answer *http.Response, sent bool, err error) {
	var got atomic.Bool
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { got.Store(true) }})
	out := req.Clone(ctx)
	if out.Host == req.URL.Host {
		out.Host = ""
	}
	out.URL.Host = address
	if req.GetBody != nil {
		if out.Body, err = req.GetBody(); err != nil {
			return nil, false, err
		}
	}
	answer, err = s.next.RoundTrip(out)
	return answer, got.Load(), err
}

// CloseIdleConnections closes the connections that no request uses.
func (s *several) CloseIdleConnections() {
	if idle, ok := s.next.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
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
