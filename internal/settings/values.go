package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A value is a field that a setting sets. It parses a text into the field, or
// leaves the field alone and returns an error. It also prints the field.
type value struct {
	parse func(text string) error
	text  func() string
	// kind is the name of the argument in help texts.
	kind string
	// list, if set, makes the text for parse of a list in the file.
	list func(items []string) (string, error)
	// secret says that the text may have a secret, so that no message has it.
	secret bool
}

// at returns the value kept in p, which parse reads and print writes. The compiler does not
// copy its callers into the rows of the tables, with their functions for reading
// (docs/decisions/0059).
func at[F any](p *F, kind string, parse func(string) (F, error), print func(F) string) value {
	return value{
		kind: kind,
		parse: func(text string) error {
			parsed, err := parse(text)
			if err == nil {
				*p = parsed
			}
			return err
		},
		text: func() string { return print(*p) },
	}
}

func same(s string) string { return s }

// nameAt reads the name of a daemon. The name becomes part of topics and
// directories.
func nameAt(p *string) value {
	return at(p, "name", func(text string) (string, error) {
		if text == "" || text == "." || text == ".." || strings.ContainsFunc(text, notInName) {
			return "", errors.New("not a name: it must not be empty, a dot, or hold slashes, blanks or control characters")
		}
		return text, nil
	}, same)
}

func notInName(r rune) bool { return r == '/' || r <= ' ' || r == 0x7f }

func topicAt(p *string) value {
	return at(p, "topic", func(text string) (string, error) {
		if text == "" {
			return "", errors.New("a topic must not be empty: every message would match it")
		}
		return text, nil
	}, same)
}

//go:noinline
func pathAt(p *string, kind string) value {
	return at(p, kind, func(text string) (string, error) {
		if strings.ContainsRune(text, 0) {
			return "", errors.New("a path must not hold a NUL character")
		}
		if text == "~" || strings.HasPrefix(text, "~/") {
			return "", errors.New("not a path: only a shell replaces the ~, so write the directory out")
		}
		return text, nil
	}, same)
}

// fileNameAt reads the name of a file in a directory that the setting does not
// choose.
func fileNameAt(p *string) value {
	return at(p, "name", func(text string) (string, error) {
		if text != "" && (!filepath.IsLocal(text) || strings.ContainsRune(text, '/') || strings.ContainsRune(text, 0)) {
			return "", errors.New("not a plain file name")
		}
		return text, nil
	}, same)
}

// addressAt reads an IP address. Empty makes the address invalid.
//
//go:noinline
func addressAt(p *netip.Addr) value {
	return at(p, "address", func(text string) (netip.Addr, error) {
		if text == "" {
			return netip.Addr{}, nil
		}
		addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
		if err != nil {
			return netip.Addr{}, errors.New("not an IP address")
		}
		return addr, nil
	}, func(a netip.Addr) string {
		if !a.IsValid() {
			return ""
		}
		return a.String()
	})
}

// hostAt reads a host name or address to dial.
func hostAt(p *string) value {
	return at(p, "host", func(text string) (string, error) {
		host := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
		_, err := netip.ParseAddr(host)
		if host == "" || err != nil && strings.ContainsFunc(host, notInHost) {
			return "", errors.New("not a host name or IP address")
		}
		return host, nil
	}, same)
}

func notInHost(r rune) bool { return notInName(r) || strings.ContainsRune(":[]@?#%", r) }

// off says that a daemon does not listen. Zeek writes 0/unknown for that.
const off = "off"

// listenPortAt reads a port to listen on. Zero means any port, off means none.
func listenPortAt(p *Listen) value {
	return value{
		kind: "port",
		parse: func(text string) error {
			if text == off || text == "0/unknown" {
				p.Port, p.Off = 0, true
				return nil
			}
			number, err := parsePort(text, 0)
			if err == nil {
				p.Port, p.Off = number, false
			}
			return err
		},
		text: func() string {
			if p.Off {
				return off
			}
			return strconv.Itoa(int(p.Port))
		},
	}
}

// portAt reads a port that is not below lowest.
//
//go:noinline
func portAt(p *uint16, lowest uint16) value {
	return at(p, "port",
		func(text string) (uint16, error) { return parsePort(text, lowest) },
		func(n uint16) string { return strconv.Itoa(int(n)) })
}

// parsePort reads a port number, bare or in Zeek's notation, such as 2150/tcp.
func parsePort(text string, lowest uint16) (uint16, error) {
	number, err := strconv.ParseUint(strings.TrimSuffix(text, "/tcp"), 10, 16)
	if err != nil || uint16(number) < lowest {
		return 0, fmt.Errorf("not a port: it must be %d to 65535, with or without /tcp", lowest)
	}
	return uint16(number), nil
}

// durationAt reads a time between lowest and highest. A number without a unit
// counts seconds.
//
//go:noinline
func durationAt(p *time.Duration, lowest, highest time.Duration) value {
	return at(p, "time",
		func(text string) (time.Duration, error) { return parseDuration(text, lowest, highest) },
		time.Duration.String)
}

// drainAt reads the time that an end may take. Zero means that nothing bounds it.
func drainAt(p *time.Duration) value {
	v := durationAt(p, minPatience, maxPatience)
	bounded := v.parse
	v.parse = func(text string) error {
		if d, err := time.ParseDuration(text); err == nil && d == 0 {
			*p = 0
			return nil
		}
		return bounded(text)
	}
	return v
}

func parseDuration(text string, lowest, highest time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "s")
	}
	if err != nil || d < lowest || d > highest {
		return 0, fmt.Errorf("not a time between %v and %v, such as 1.5s or 500ms", lowest, highest)
	}
	return d, nil
}

// countAt reads a number between lowest and highest.
//
//go:noinline
func countAt(p *int, lowest, highest int) value {
	return at(p, "count", func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < lowest || n > highest {
			return 0, fmt.Errorf("not a number between %d and %d", lowest, highest)
		}
		return n, nil
	}, strconv.Itoa)
}

//go:noinline
func boolAt(p *bool) value {
	return at(p, boolKind, func(text string) (bool, error) {
		switch strings.ToLower(text) {
		case "1", "yes", "true", "on", "t":
			return true, nil
		case "0", "no", "false", "off", "f":
			return false, nil
		}
		return false, errors.New("neither true nor false")
	}, strconv.FormatBool)
}

// boolKind marks flags that need no argument.
const boolKind = "bool"

// preflightAt reads the mode of preflights. True means on, false means off.
func preflightAt(p *Preflight) value {
	v := choiceAt(p, "mode", PreflightStrict, PreflightOn, PreflightOff)
	parse := v.parse
	v.parse = func(text string) error {
		var on bool
		switch {
		case boolAt(&on).parse(text) != nil:
		case on:
			text = string(PreflightOn)
		default:
			text = string(PreflightOff)
		}
		return parse(text)
	}
	return v
}

// choiceAt reads a word that is one of few.
//
//go:noinline
func choiceAt[T ~string](p *T, kind string, choices ...T) value {
	return at(p, kind, func(text string) (T, error) {
		if !slices.Contains(choices, T(text)) {
			var words []string
			for _, c := range choices {
				words = append(words, string(c))
			}
			return "", fmt.Errorf("not one of %s", strings.Join(words, ", "))
		}
		return T(text), nil
	}, func(t T) string { return string(t) })
}

func levelAt(p *slog.Level) value {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	return at(p, "level", func(text string) (slog.Level, error) {
		level, ok := levels[strings.ToLower(text)]
		if !ok {
			return 0, errors.New("not one of debug, info, warn, error")
		}
		return level, nil
	}, func(l slog.Level) string { return strings.ToLower(l.String()) })
}
