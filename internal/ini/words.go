package ini

import (
	"errors"
	"strings"
	"unicode"
)

// Errors of SplitWords. zeek-client prints these texts of Python's shlex.
var (
	//lint:ignore ST1005 the text is Python's
	errNoClosingQuote = errors.New("No closing quotation")
	//lint:ignore ST1005 the text is Python's
	errNoEscapedChar = errors.New("No escaped character")
)

// SplitWords splits text into words as a POSIX shell does, but expands nothing.
// Quotes join blanks to a word. A backslash takes the next character as it is;
// within double quotes it does so only before a quote or a backslash.
func SplitWords(text string) ([]string, error) {
	var (
		words []string
		word  strings.Builder
		open  bool // a word has begun, maybe an empty one
	)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\r', '\n':
			if open {
				words = append(words, word.String())
				word.Reset()
				open = false
			}
		case '\\':
			i++
			if i == len(text) {
				return nil, errNoEscapedChar
			}
			word.WriteByte(text[i])
			open = true
		case '\'', '"':
			n, err := quoted(&word, text[i+1:], c)
			if err != nil {
				return nil, err
			}
			i += n
			open = true
		default:
			word.WriteByte(c)
			open = true
		}
	}
	if open {
		words = append(words, word.String())
	}
	return words, nil
}

// quoted adds the text up to the closing quote to word. It returns the number of
// bytes that it read, the closing quote included.
func quoted(word *strings.Builder, text string, quote byte) (int, error) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == quote {
			return i + 1, nil
		}
		if c == '\\' && quote == '"' {
			i++
			if i == len(text) {
				return 0, errNoEscapedChar
			}
			if c = text[i]; c != '"' && c != '\\' {
				word.WriteByte('\\')
			}
		}
		word.WriteByte(c)
	}
	return 0, errNoClosingQuote
}

// Word returns text as one word that SplitWords reads back, in double
// quotes where needed.
func Word(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'\`, r) }) {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}
