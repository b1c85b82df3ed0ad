package settings

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// notAt reads a setting that is true if the field is false.
func notAt(p *bool) value {
	var said bool
	v := boolAt(&said)
	return value{
		kind: boolKind,
		parse: func(text string) error {
			err := v.parse(text)
			if err == nil {
				*p = !said
			}
			return err
		},
		text: func() string { return strconv.FormatBool(!*p) },
	}
}

// wordsAt reads words that are separated by blanks. A word contains no blank.
//
//go:noinline
func wordsAt(p *[]string, kind string) value {
	v := at(p, kind, func(text string) ([]string, error) {
		if strings.ContainsRune(text, 0) {
			return nil, errors.New("not words: they must not hold a NUL character")
		}
		return strings.Fields(text), nil
	}, func(words []string) string { return strings.Join(words, " ") })
	v.list = listOfWords
	return v
}

// listOfWords joins a list whose items are one word each.
func listOfWords(items []string) (string, error) {
	for _, item := range items {
		if len(strings.Fields(item)) != 1 {
			return "", fmt.Errorf("%q in the list is not one word", item)
		}
	}
	return strings.Join(items, " "), nil
}

// rulesAt reads words of the form SUBJECT=IDENTITY.
func rulesAt(p *[]identity.Rule) value {
	v := at(p, "identities", func(text string) ([]identity.Rule, error) {
		var rules []identity.Rule
		for word := range strings.FieldsSeq(text) {
			rule, err := identity.ParseRule(word)
			if err != nil {
				return nil, fmt.Errorf("not a list of identities: %w", err)
			}
			rules = append(rules, rule)
		}
		return rules, nil
	}, func(rules []identity.Rule) string {
		var words []string
		for _, rule := range rules {
			words = append(words, rule.String())
		}
		return strings.Join(words, " ")
	})
	v.list = listOfWords
	return v
}

// pinsAt reads words of the form NAME=FINGERPRINT. Each names an identity of this kind.
func pinsAt(p *[]identity.Pin, kind identity.Kind) value {
	v := at(p, "pins", func(text string) ([]identity.Pin, error) {
		var pins []identity.Pin
		for word := range strings.FieldsSeq(text) {
			pin, err := identity.ParsePin(kind, word)
			if err != nil {
				return nil, fmt.Errorf("not a list of certificates: %w", err)
			}
			pins = append(pins, pin)
		}
		return pins, nil
	}, func(pins []identity.Pin) string {
		var words []string
		for _, pin := range pins {
			words = append(words, pin.String())
		}
		return strings.Join(words, " ")
	})
	v.list = listOfWords
	return v
}

// pairsAt reads words of the form NAME=VALUE.
func pairsAt(p *[]string) value {
	v := wordsAt(p, "pairs")
	return value{
		kind: v.kind,
		parse: func(text string) error {
			for word := range strings.FieldsSeq(text) {
				if name, value, ok := strings.Cut(word, "="); !ok || name == "" || value == "" {
					return fmt.Errorf("%q is not of the form NAME=VALUE", word)
				}
			}
			return v.parse(text)
		},
		text: v.text,
		list: v.list,
	}
}

// dirsAt reads absolute directories that are separated by colons.
func dirsAt(p *[]string) value {
	return at(p, "dirs", func(text string) ([]string, error) {
		if text == "" {
			return nil, nil
		}
		dirs := strings.Split(text, ":")
		for _, dir := range dirs {
			if !filepath.IsAbs(dir) || strings.ContainsRune(dir, 0) {
				return nil, errors.New("not absolute directories, separated by colons")
			}
		}
		return dirs, nil
	}, func(dirs []string) string { return strings.Join(dirs, ":") })
}

// secondsAt is durationAt for a whole number of seconds.
func secondsAt(p *time.Duration, lowest, highest time.Duration) value {
	return at(p, "time", func(text string) (time.Duration, error) {
		d, err := parseDuration(text, lowest, highest)
		if err == nil && d%time.Second != 0 {
			err = errors.New("not a whole number of seconds")
		}
		return d, err
	}, time.Duration.String)
}

// bytesAt reads an amount of memory of at least lowest, or 0 for none.
func bytesAt(p *uint64, lowest uint64) value {
	return at(p, "size", func(text string) (uint64, error) { return mgmt.ParseSize(text, lowest) }, mgmt.SizeText)
}

// controllersAt reads hosts, each perhaps with a port, that blanks or commas separate. An
// IPv6 address with a port has brackets.
func controllersAt(p *[]string) value {
	v := at(p, "addresses", func(text string) (list []string, err error) {
		for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' }) {
			host, port, err := net.SplitHostPort(word)
			if err != nil {
				host, port = strings.TrimSuffix(strings.TrimPrefix(word, "["), "]"), ""
				word = host
			}
			var read string
			if err := hostAt(&read).parse(host); err != nil {
				return nil, fmt.Errorf("not addresses: %q is %w", word, err)
			}
			if port != "" {
				if _, err := parsePort(port, 1); err != nil {
					return nil, fmt.Errorf("not addresses: the port in %q is %w", word, err)
				}
			}
			list = append(list, word)
		}
		if len(list) > mgmt.MaxControllers {
			return nil, fmt.Errorf("too long: %d controllers are more than %d", len(list), mgmt.MaxControllers)
		}
		return list, nil
	}, func(list []string) string { return strings.Join(list, " ") })
	v.list = listOfWords
	return v
}
