package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Settings are zeek-client's settings (spec zeek-client 3.2).
type Settings struct {
	// RequestTimeout bounds the wait for the answer to one request.
	RequestTimeout time.Duration
	// PeeringAttempts bounds the attempts to connect. PeeringRetryDelay is the
	// pause between two attempts, and also the time limit of each attempt.
	PeeringAttempts   int
	PeeringRetryDelay time.Duration
	// RichLogging puts a time before each line on standard error.
	RichLogging bool
	// PrettyJSON indents documents.
	PrettyJSON bool
	// Verbosity 0 shows errors and warnings, 1 also notes, 2 also details; see
	// Log.Verbosity.
	Verbosity int
	// Host and Port are the address of the controller's WebSocket. Host may have
	// brackets around it.
	Host string
	Port int
	// Others are the addresses of further controllers of the cluster, as host:port.
	Others []string
	TLS    TLSSettings
	// ControllerUser is the user of EnvControllerUser.
	ControllerUser string
	// Context is the context to use. Host and Port are then those of its controller,
	// and TLS does not count. It is nil if the settings name the controller themselves.
	Context *Context
	// Bearer is an API token that commands show in place of the certificate of the
	// context. Empty means none. Fingerprint is that of an authority of the controller. It
	// takes the place of the authorities of the context and of TLS, and may be empty.
	Bearer, Fingerprint string
	// Text has all settings as show-settings prints them, except for the passphrase.
	Text string
}

// TLSSettings are the settings of section ssl.
type TLSSettings struct {
	Enable bool
	// Certificate and KeyFile are PEM files: the client's certificate and its
	// private key.
	Certificate, KeyFile string
	// CAFile is a PEM file with the authorities to trust. CAPath is a directory
	// of such files.
	CAFile, CAPath string
	// Passphrase is the passphrase of the private key.
	Passphrase string
}

// clientSetting is one of zeek-client's settings.
type clientSetting struct {
	section, key string
	initial      string
	set          func(*Settings, string) error
}

// clientSettings lists all settings, in the order in which zeek-client shows
// them.
func clientSettings() []clientSetting {
	return []clientSetting{
		{"client", "request_timeout_secs", "20", seconds(func(s *Settings) *time.Duration { return &s.RequestTimeout })},
		{"client", "peering_attempts", "10", integer(func(s *Settings) *int { return &s.PeeringAttempts })},
		{"client", "peering_retry_delay_secs", "1.0", seconds(func(s *Settings) *time.Duration { return &s.PeeringRetryDelay })},
		{"client", "rich_logging_format", "False", boolean(func(s *Settings) *bool { return &s.RichLogging })},
		{"client", "pretty_json", "True", boolean(func(s *Settings) *bool { return &s.PrettyJSON })},
		{"client", "verbosity", "0", integer(func(s *Settings) *int { return &s.Verbosity })},
		{"controller", "host", "127.0.0.1", text(func(s *Settings) *string { return &s.Host })},
		{"controller", "port", strconv.Itoa(mgmt.ClientPort), integer(func(s *Settings) *int { return &s.Port })},
		{"ssl", "enable", "False", boolean(func(s *Settings) *bool { return &s.TLS.Enable })},
		{"ssl", "certificate", "", text(func(s *Settings) *string { return &s.TLS.Certificate })},
		{"ssl", "keyfile", "", text(func(s *Settings) *string { return &s.TLS.KeyFile })},
		{"ssl", "cafile", "", text(func(s *Settings) *string { return &s.TLS.CAFile })},
		{"ssl", "capath", "", text(func(s *Settings) *string { return &s.TLS.CAPath })},
		{"ssl", "passphrase", "", text(func(s *Settings) *string { return &s.TLS.Passphrase })},
	}
}

// SettingNames returns the names of all settings, such as controller.host.
func SettingNames() []string {
	var names []string
	for _, known := range clientSettings() {
		names = append(names, known.section+"."+known.key)
	}
	return names
}

func text(field func(*Settings) *string) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		*field(s) = value
		return nil
	}
}

func integer(field func(*Settings) *int) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		n, err := ini.Int(value)
		if err != nil || n < 0 || n > math.MaxInt32 {
			return errors.New("must be a number from 0 up")
		}
		*field(s) = int(n)
		return nil
	}
}

// maxSeconds bounds settings that are times. Nobody waits longer than a year,
// and a larger number would overflow time.Duration.
const maxSeconds = 365 * 24 * 3600

func seconds(field func(*Settings) *time.Duration) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(n > 0 && n <= maxSeconds) {
			return errors.New("must be a number of seconds above 0")
		}
		*field(s) = time.Duration(n * float64(time.Second))
		return nil
	}
}

func boolean(field func(*Settings) *bool) func(*Settings, string) error {
	return func(s *Settings, value string) error {
		switch strings.ToLower(value) {
		case "1", "yes", "true", "on":
			*field(s) = true
		case "0", "no", "false", "off":
			*field(s) = false
		default:
			return errors.New("must be yes or no")
		}
		return nil
	}
}

// A UsageError is a mistake on the command line, or in the environment variable
// that extends the command line.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

func usageError(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// parseController reads host:port (spec zeek-client section 2). The host, the
// port or both may be missing. An empty result stands for a missing part.
func parseController(text string) (host, port string, err error) {
	if strings.Contains(text, "/") {
		return "", "", usageError("--controller %s should be <host>:<port>", quote(text))
	}
	end := strings.LastIndexByte(text, ']')
	if strings.HasPrefix(text, "[") && end > 0 {
		host, port = text[:end+1], text[end+1:]
		if port != "" && port[0] != ':' {
			return "", "", usageError("--controller %s: a colon must follow the bracket", quote(text))
		}
		return host, strings.TrimPrefix(port, ":"), nil
	}
	host, port, _ = strings.Cut(text, ":")
	if strings.Contains(port, ":") {
		return "", "", usageError("--controller %s: IPv6 addresses must be surrounded by brackets: [<ipv6>]:<port>", quote(text))
	}
	return host, port, nil
}
