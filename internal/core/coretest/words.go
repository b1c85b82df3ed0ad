package coretest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// word is one word of a line. Quotes keep blanks together, as in Go.
type word struct {
	text   string
	quoted bool // it begins with a quote
}

// split cuts a line into words.
func split(line string) ([]word, error) {
	var words []word
	for line = strings.TrimLeft(line, " "); line != ""; line = strings.TrimLeft(line, " ") {
		w := word{quoted: line[0] == '"'}
		for line != "" && line[0] != ' ' {
			if line[0] != '"' {
				w.text, line = w.text+line[:1], line[1:]
				continue
			}
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("quotes in %s: %w", line, err)
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("quotes in %s: %w", line, err)
			}
			w.text, line = w.text+text, line[len(quoted):]
		}
		words = append(words, w)
	}
	return words, nil
}

// quote writes s as one word.
func quote(s string) string {
	if s == "" || strings.ContainsAny(s, " \"\n\t;\\") {
		return strconv.Quote(s)
	}
	return s
}

// Args holds the words of a line that were not taken yet. It keeps the first mistake
// for Done.
type Args struct {
	words []word
	// clusters holds the configurations that have a name in this dialogue.
	clusters map[string]mgmt.Configuration
	err      error
}

// Left returns how many words are left.
func (a *Args) Left() int { return len(a.words) }

// Next takes the next word.
func (a *Args) Next() string {
	if len(a.words) == 0 {
		a.fail(fmt.Errorf("a word is missing"))
		return ""
	}
	w := a.words[0]
	a.words = a.words[1:]
	return w.text
}

// Rest takes all words.
func (a *Args) Rest() []string {
	var list []string
	for a.Left() > 0 {
		list = append(list, a.Next())
	}
	return list
}

// Flag takes a word from any place of the line, and reports whether it was there.
func (a *Args) Flag(name string) bool {
	i := slices.IndexFunc(a.words, func(w word) bool { return w.text == name && !w.quoted })
	if i >= 0 {
		a.words = slices.Delete(slices.Clone(a.words), i, i+1)
	}
	return i >= 0
}

// Value takes NAME=VALUE from any place of the line.
func (a *Args) Value(name string) (value string, found bool) {
	i := slices.IndexFunc(a.words, func(w word) bool { return strings.HasPrefix(w.text, name+"=") && !w.quoted })
	if i < 0 {
		return "", false
	}
	value = a.words[i].text[len(name)+1:]
	a.words = slices.Delete(slices.Clone(a.words), i, i+1)
	return value, true
}

// Duration takes NAME=TIME from any place of the line. Without it, it returns zero.
func (a *Args) Duration(name string) time.Duration {
	text, found := a.Value(name)
	if !found {
		return 0
	}
	d, err := time.ParseDuration(text)
	a.fail(err)
	return d
}

// parts takes all words, which semicolons separate.
func (a *Args) parts() (parts []*Args) {
	for len(a.words) > 0 {
		i := slices.Index(a.words, word{text: ";"})
		if i < 0 {
			i = len(a.words)
		}
		parts = append(parts, &Args{words: a.words[:i]})
		a.words = a.words[min(i+1, len(a.words)):]
	}
	return parts
}

func (a *Args) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// Done returns the first mistake. A word that was not taken is a mistake.
func (a *Args) Done() error {
	if a.err == nil && len(a.words) > 0 {
		return fmt.Errorf("unknown word %q", a.words[0].text)
	}
	return a.err
}
