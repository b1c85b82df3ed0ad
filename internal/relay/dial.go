package relay

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// target is a controller that is dialed.
type target struct {
	name      string
	addresses []string
}

type targetKey struct{}

// withAddresses says in a context where a request finds a controller.
func withAddresses(ctx context.Context, name string, addresses []string) context.Context {
	return context.WithValue(ctx, targetKey{}, target{name, addresses})
}

// hostOf returns the host that stands for a controller in a URL. Connections are kept by it.
func hostOf(name string) string { return "controller-" + hex.EncodeToString([]byte(name)) }

// transport returns what makes requests to other controllers, on at most so many
// connections.
func (r *Relay) transport(connections int) *http.Transport {
	return &http.Transport{
		DialTLSContext:         r.dial,
		MaxConnsPerHost:        connections,
		MaxIdleConnsPerHost:    connections,
		IdleConnTimeout:        30 * time.Second,
		ResponseHeaderTimeout:  r.cfg.AnswerTimeout,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
	}
}

// dial connects to the controller of a request, at the first of its addresses at which it
// is.
func (r *Relay) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	to := ctx.Value(targetKey{}).(target)
	errs := []error{fmt.Errorf("connect to controller %s", to.name)}
	if len(to.addresses) == 0 {
		errs = append(errs, errors.New("it has no address for clients"))
	}
	for _, address := range to.addresses {
		conn, err := r.connect(ctx, to.name, address)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", address, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, oneLine(errs)
}

// oneLine joins errors in one line.
type oneLine []error

func (l oneLine) Unwrap() []error { return l }

func (l oneLine) Error() string {
	var text strings.Builder
	text.WriteString(l[0].Error())
	for _, err := range l[1:] {
		text.WriteString(": " + err.Error())
	}
	return text.String()
}

// connect connects to a controller at an address. The other side must prove that it is that
// controller.
func (r *Relay) connect(ctx context.Context, name, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.DialTimeout)
	defer cancel()
	raw, err := r.cfg.Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	want := identity.Identity{Kind: identity.Controller, Name: name}.String()
	conn := tls.Client(raw, &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The certificate says who it is. VerifyConnection verifies it.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			who, err := r.cfg.Judge(state.PeerCertificates)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrDisbelieved, err)
			}
			if who != want {
				return fmt.Errorf("this is %s, and not %s", who, want)
			}
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return r.cfg.Certificate() },
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	return conn, nil
}

// maxPulse bounds the answer to a pulse, in bytes.
const maxPulse = 4 << 10

// ErrNotLeading says that a controller has answered that it does not lead.
var ErrNotLeading = errors.New("it does not lead")

// ErrDisbelieved says that this controller does not believe the certificate of another one. The
// clock of one of them may be wrong, or what this one knows of the cluster is old.
var ErrDisbelieved = errors.New("the certificate that it shows is not believed here")

// dialForPulses connects to the controller of a pulse.
func (r *Relay) dialForPulses(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := r.dial(ctx, network, address)
	if err == nil {
		r.pulsed.Store(int64(time.Since(r.began)))
	}
	return conn, err
}

// Pulse asks a controller at one of its addresses whether it leads. It returns nil if that
// controller says so, and an error that wraps ErrNotLeading if it says that it does not, or
// ErrDisbelieved if its certificate is not believed. At the latest after Limits.PulseKept it asks
// on a new connection.
func (r *Relay) Pulse(ctx context.Context, name string, addresses []string) error {
	if time.Since(r.began)-time.Duration(r.pulsed.Load()) >= r.cfg.PulseKept {
		r.pulses.CloseIdleConnections()
	}
	req, err := http.NewRequestWithContext(withAddresses(ctx, name, addresses), http.MethodGet, "https://"+hostOf(name)+api.PathPulse, nil)
	if err != nil {
		return fmt.Errorf("ask controller %s: %w", name, err)
	}
	req.Host = "localhost" // every controller goes by this name
	answer, err := r.pulses.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("ask controller %s: %w", name, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxPulse))
	if err != nil {
		return fmt.Errorf("ask controller %s: %w", name, err)
	}
	var beat api.Pulse
	if err := json.Unmarshal(text, &beat); err != nil || answer.StatusCode != http.StatusOK || beat.Name != name {
		return fmt.Errorf("controller %s has answered its pulse with %s", name, answer.Status)
	}
	if !beat.Leads {
		return fmt.Errorf("ask controller %s: %w", name, ErrNotLeading)
	}
	if at, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		r.cfg.Clock(time.Until(at))
	}
	return nil
}
