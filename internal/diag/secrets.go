package diag

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Secrets takes secrets out of texts and plans. Its zero value knows none.
type Secrets struct {
	known   map[string]string // what each value is
	removed map[string]int    // how often each kind of secret was taken out
}

// minKnown is the length in bytes from which on a value is looked for in texts. Shorter
// ones, such as "1" and "eth0", are parts of too many words.
const minKnown = 6

// Know says that a value is a secret. what is what it is, for people.
func (s *Secrets) Know(what, value string) {
	if len(value) < minKnown {
		return
	}
	if s.known == nil {
		s.known = map[string]string{}
	}
	s.known[value] = what
	// Logs and JSON quote what has quotation marks, backslashes or line ends.
	for _, quoted := range []string{strconv.Quote(value), inJSON(value)} {
		if quoted = strings.Trim(quoted, `"`); quoted != value && len(quoted) >= minKnown {
			s.known[quoted] = what
		}
	}
}

// inJSON returns a text as JSON has it.
func inJSON(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return text
	}
	return string(quoted)
}

// KnowEnv says that the values of a node's environment are secrets.
func (s *Secrets) KnowEnv(env map[string]string) {
	for name, value := range env {
		s.Know("environment variable "+name, value)
	}
}

// suspicious matches names of what is secret.
var suspicious = lazy.Regexp(`(?i)(passw|passphrase|secret|token|credential|api_?key|private_?key|auth(?:_|$)|key$)`)

// Suspicious reports whether what has this name is probably a secret.
func Suspicious(name string) bool { return suspicious().MatchString(name) }

// Plan returns a plan without secrets: without the values of environment variables, and
// without those of options and of flags of the command whose names are suspicious.
func (s *Secrets) Plan(p mgmt.Plan) mgmt.Plan {
	if p.Node.Env != nil {
		env := map[string]string{}
		for name := range p.Node.Env {
			env[name] = s.gone("values of environment variables")
		}
		p.Node.Env = env
	}
	p.Node.Options = s.options(p.Node.Options)
	p.Node.RunOptions = s.options(p.Node.RunOptions)
	p.Node.Command = s.command(p.Node.Command)
	return p
}

func (s *Secrets) options(before []mgmt.Option) []mgmt.Option {
	after := slices.Clone(before)
	for i, o := range after {
		if Suspicious(o.Name) {
			s.Know("option "+o.Name, o.Value)
			after[i].Value = s.gone("options with telling names")
			continue
		}
		after[i].Value = s.Text(o.Value)
	}
	return after
}

// command takes secrets out of the words of a command: --password=x, and the word after
// --password.
func (s *Secrets) command(before []string) []string {
	after := slices.Clone(before)
	for i, word := range after {
		flag, value, assigned := strings.Cut(word, "=")
		switch {
		case i > 0 && strings.HasPrefix(before[i-1], "-") && !strings.Contains(before[i-1], "=") && Suspicious(before[i-1]) && !strings.HasPrefix(word, "-"):
			s.Know("an argument of the command", word)
			after[i] = s.gone("arguments with telling names")
		case assigned && Suspicious(flag):
			s.Know("an argument of the command", value)
			after[i] = flag + "=" + s.gone("arguments with telling names")
		default:
			after[i] = s.Text(word)
		}
	}
	return after
}

// look is something that looks like a secret. The first group, if there is one, stays.
type look struct {
	what    string
	pattern func() *regexp.Regexp
}

// The first keyLooks of these are of private keys.
const keyLooks = 2

var looks = []look{
	{"private keys", lazy.Regexp(`-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`)},
	{"private keys", lazy.Regexp(`\A[A-Za-z0-9+/=\s]*-----END [A-Z ]*PRIVATE KEY-----`)}, // whose beginning was cut off
	{"tokens of zeekfleet", lazy.Regexp(`\bzf[1a]-[a-z2-7-]{20,}`)},
	{"tokens", lazy.Regexp(`(?i)\b((?:bearer|basic)\s+)[a-z0-9._~+/=-]{8,}`)},
	{"passwords in addresses", lazy.Regexp(`([a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:)[^/\s@]+(?:@)`)},
	{"values with telling names", lazy.Regexp(`(?i)((?:[a-z0-9_.:-]*)(?:passw(?:or)?d|passphrase|secret|token|credentials?|api_?key|private_?key)["']?\s*[=:]\s*)("[^"\n]*"|'[^'\n]*'|[^\s,;"']+)`)},
	{"CURVE keys", lazy.Regexp(`(?i)(curve\S*\s*[=:]?\s*)["']?[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}(?:["']|\b|$)`)},
}

// Text returns a text without secrets.
func (s *Secrets) Text(text string) string {
	// Private keys come first: a known value such as PRIVATE may be a part of their frame.
	for _, l := range looks[:keyLooks] {
		text = s.takeOut(l, text)
	}
	// Longer ones first: one may be a part of another one.
	values := slices.SortedFunc(maps.Keys(s.known), func(a, b string) int { return len(b) - len(a) })
	for _, value := range values {
		if strings.Contains(text, value) {
			text = strings.ReplaceAll(text, value, s.gone("value of "+s.known[value]))
		}
	}
	for _, l := range looks[keyLooks:] {
		text = s.takeOut(l, text)
	}
	return text
}

func (s *Secrets) takeOut(l look, text string) string {
	return l.pattern().ReplaceAllStringFunc(text, func(found string) string {
		groups := l.pattern().FindStringSubmatch(found)
		kept := ""
		if l.pattern().NumSubexp() > 0 {
			kept = groups[1]
		}
		if strings.Trim(found[len(kept):], `"'@`) == removed {
			return found // something more exact has been taken out already
		}
		gone := s.gone(l.what)
		if strings.HasSuffix(found, "@") {
			gone += "@"
		}
		return kept + gone
	})
}

// removed stands in the place of a secret.
const removed = "(removed)"

// gone notes that a secret was taken out, and returns what stands in its place.
func (s *Secrets) gone(what string) string {
	if s.removed == nil {
		s.removed = map[string]int{}
	}
	s.removed[what]++
	return removed
}

// Removed says what was taken out.
func (s *Secrets) Removed() []string {
	var list []string
	for _, what := range slices.Sorted(maps.Keys(s.removed)) {
		list = append(list, fmt.Sprintf("%s: %d", what, s.removed[what]))
	}
	return list
}
