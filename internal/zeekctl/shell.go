package zeekctl

import (
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
)

// ShellWords returns the words that a shell makes of text. zeekctl lets a shell read its
// command lines, with what stands in env_vars, aux_scripts and ZeekArgs. It refuses text in
// which the shell would do more than that.
func ShellWords(text string) ([]string, error) {
	if r := shellMark(text); r != "" {
		return nil, fmt.Errorf("zeekctl's shell acts on the %s in %s: quote it, or remove it", r, quoted(text))
	}
	words, err := ini.SplitWords(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", quoted(text), err)
	}
	return words, nil
}

// shellMark returns the first character outside of quotes on which a shell acts.
func shellMark(text string) string {
	var quote byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && quote != '\'':
			i++
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		case quote == '\'':
		case c == '`', c == '$' && i+1 < len(text) && (text[i+1] == '(' || text[i+1] == '{' || isName(text[i+1])):
			return string(c)
		case quote == 0 && strings.IndexByte(";&|<>()", c) >= 0:
			return string(c)
		}
	}
	return ""
}

func isName(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// envPairs reads a list of variables as zeekctl does: it splits it at commas, whatever
// quotes there are.
func envPairs(text string) ([]Redef, error) {
	if text == "" {
		return nil, nil
	}
	var pairs []Redef
	for item := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(item, "=")
		name = strings.TrimSpace(name)
		switch {
		case !ok:
			return nil, fmt.Errorf("%s lacks an equals sign: zeekctl splits at every comma", quoted(item))
		case name == "":
			return nil, fmt.Errorf("%s lacks the name of a variable", quoted(item))
		}
		pairs = append(pairs, Redef{name, strings.TrimSpace(value)})
	}
	return pairs, nil
}

// afterShell returns what a shell makes of a variable's value.
func afterShell(name, value string) (string, error) {
	words, err := ShellWords(name + "=" + value)
	if err != nil {
		return "", err
	}
	if len(words) != 1 {
		return "", fmt.Errorf("zeekctl's shell makes %d words of %s: put the value in quotes", len(words), quoted(name+"="+value))
	}
	_, value, _ = strings.Cut(words[0], "=")
	return value, nil
}
