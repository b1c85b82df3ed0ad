package runoption

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
	"github.com/zeekfleet/zeekfleet/node"
)

// Pattern is a pattern as Zeek prints it.
type Pattern string

// MarshalText implements encoding.TextMarshaler.
func (p Pattern) MarshalText() ([]byte, error) { return []byte(p), nil }

// Parse returns the value of a type that text describes, as package node renders it. The
// type is one that Zeek names so, such as "set[subnet]". The forms are those of our node
// script (docs/zeek.md, options).
func Parse(kind, text string) (any, error) {
	element, isSet := strings.CutPrefix(kind, "set[")
	element = strings.TrimSuffix(element, "]")
	if !isSet {
		var isVector bool
		if element, isVector = strings.CutPrefix(kind, "vector of "); !isVector {
			return parseElement(kind, text)
		}
	}
	set, vector := map[any]struct{}{}, []any{}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		value, err := parseElement(element, part)
		if err != nil {
			return nil, err
		}
		set[value] = struct{}{}
		vector = append(vector, value)
	}
	if isSet {
		return set, nil
	}
	return vector, nil
}

const number = `(?:[0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(?:[eE][-+]?[0-9]{1,2})?`

// forms are the accepted texts, by type. The node script has the same.
var forms = map[string]func() *regexp.Regexp{
	"bool":     lazy.Regexp(`^[TF01]$`),
	"count":    lazy.Regexp(`^\+?[0-9]{1,19}$`),
	"int":      lazy.Regexp(`^[-+]?[0-9]{1,18}$`),
	"double":   lazy.Regexp(`^[-+]?` + number + `$`),
	"interval": lazy.Regexp(`^[-+]?` + number + `$`),
	"time":     lazy.Regexp(`^\+?` + number + `$`),
	"port":     lazy.Regexp(`^[0-9]{1,5}(?:/(?i:tcp|udp|icmp|unknown))?$`),
	"pattern":  lazy.Regexp(`(?s)^/.*/$`),
	"string":   lazy.Regexp(``),
	"addr":     lazy.Regexp(``),
	"subnet":   lazy.Regexp(``),
}

// parseElement parses a value that is no list.
func parseElement(kind, text string) (any, error) {
	form, ok := forms[kind]
	if !ok {
		return nil, fmt.Errorf("%s does not name a value of type %s", text, kind)
	}
	if kind == "string" {
		return unescaped(text), nil
	}
	bare := strings.TrimSpace(text)
	value, err := parse[kind](bare)
	if err != nil || !form().MatchString(bare) {
		return nil, fmt.Errorf("%s is not of type %s", text, kind)
	}
	return value, nil
}

// parse has the parsers of texts that have the right form.
var parse = map[string]func(text string) (any, error){
	"bool":   func(text string) (any, error) { return text == "T" || text == "1", nil },
	"count":  func(text string) (any, error) { return strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 64) },
	"int":    func(text string) (any, error) { return strconv.ParseInt(text, 10, 64) },
	"double": func(text string) (any, error) { return strconv.ParseFloat(text, 64) },
	"interval": func(text string) (any, error) {
		seconds, err := strconv.ParseFloat(text, 64)
		return time.Duration(seconds * float64(time.Second)), err
	},
	"time": func(text string) (any, error) {
		seconds, err := strconv.ParseFloat(text, 64)
		return time.UnixMicro(int64(seconds * 1e6)), err
	},
	"port":    parsePort,
	"addr":    func(text string) (any, error) { return netip.ParseAddr(withoutBrackets(text)) },
	"subnet":  parseSubnet,
	"pattern": parsePattern,
}

func parsePort(text string) (any, error) {
	digits, proto, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(digits, 10, 16)
	if proto = strings.ToLower(proto); proto == "unknown" {
		proto = ""
	}
	return node.Port{Number: uint16(n), Proto: proto}, err
}

func parseSubnet(text string) (any, error) {
	p, err := netip.ParsePrefix(withoutBrackets(text))
	return p.Masked(), err
}

// withoutBrackets returns an address without the brackets around IPv6.
func withoutBrackets(text string) string {
	return strings.Replace(strings.TrimPrefix(text, "["), "]", "", 1)
}

func parsePattern(text string) (any, error) {
	if len(text) < 2 {
		return nil, fmt.Errorf("no pattern")
	}
	inner := text[1 : len(text)-1]
	_, err := regexp.Compile(inner)
	return Pattern("/^?(" + inner + ")$?/"), err
}

var escape = lazy.Regexp(`\\x[0-9a-fA-F]{2}`)

// unescaped returns the text of a string, in which \xHH stands for a byte.
func unescaped(text string) string {
	return escape().ReplaceAllStringFunc(text, func(hex string) string {
		b, err := strconv.ParseUint(hex[2:], 16, 8)
		if err != nil {
			panic(fmt.Sprintf("runoption: %q", hex)) // the expression has hex digits
		}
		return string([]byte{byte(b)})
	})
}
