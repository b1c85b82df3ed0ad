package api

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// The bounds of a Client that no configuration changes.
const (
	// MaxAnswer bounds the body of an answer, in bytes.
	MaxAnswer = 64 << 20
	// MaxItems bounds a list, which may have many pages.
	MaxItems = 100_000
	// maxAnswerHeader bounds the header of an answer, in bytes.
	maxAnswerHeader = 64 << 10
)

// Config says how a Client reaches a controller.
type Config struct {
	// Address is the controller's host and port. Without a port it is DefaultPort.
	Address string
	// Others are the addresses of further controllers of the same cluster. A request goes to
	// the next one if a controller cannot be reached or says that it does not lead. The one
	// that has answered last comes first. With Address there may be up to MaxAddresses.
	Others []string
	// TLS is nil for plain text, which controllers take from their own host alone.
	TLS *tls.Config
	// Bearer is an API token. It may be empty.
	Bearer string
	// Connect opens connections, below TLS. Nil means TCP.
	Connect func(ctx context.Context, address string) (net.Conn, error)
	// Timeout bounds a request with its answer. The time for which a request asks the
	// controller to wait comes on top. Zero means 30 seconds.
	Timeout time.Duration
	// LeaderWait is for how long a request is made again that controllers do not carry out because
	// none of them leads. Zero means 5 seconds.
	LeaderWait time.Duration
}

// Client asks a controller. Any goroutine may use it.
//
// The error of a request is a *Problem if the controller has answered, and the cause of
// the context's end if the context has ended.
type Client struct {
	// Access has the requests about who may do what.
	Access
	// Alerting has those about alerts.
	Alerting
	// Bundles has those about the content of bundles.
	Bundles
	// Controlling has those about the controllers of the cluster.
	Controlling
	// Machines has those about hosts as machines.
	Machines
	*caller
}

// New returns a client. It connects at its first request.
func New(cfg Config) (*Client, error) {
	c, err := newCaller(cfg)
	if err != nil {
		return nil, err
	}
	return &Client{Access{c}, Alerting{c}, Bundles{c}, Controlling{c}, Machines{c}, c}, nil
}

// Address returns the controller's host and port: of several, those of the one that has
// answered last.
func (c *Client) Address() string { return c.several.address() }

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
