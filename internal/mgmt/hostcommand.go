package mgmt

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// A HostCommand is a command that the operator of a host lets admins run there: a program,
// and a pattern for each of its arguments. A pattern is a word that the argument must be, or
// one of these in braces: {a|b|c} is one of these words; {name} is a name; {number} is a
// number. An argument that no pattern foresees is refused, so no option can be added.
type HostCommand []string

// The bounds of commands.
const (
	MaxHostCommands     = 100
	MaxHostCommandWords = 32
	MaxHostCommandBytes = 4 << 10 // of all words together
	MaxHostOutput       = 256 << 10
)

// MaxHostCommandTime is how long a command may run at most.
const MaxHostCommandTime = 45 * time.Second

// ParseHostCommands reads commands. A semicolon or the end of a line ends a command, and blanks
// separate its words.
func ParseHostCommands(text string) ([]HostCommand, error) {
	var all []HostCommand
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == ';' }) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		c := HostCommand(words)
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("the command '%s' %w", printable(strings.Join(words, " ")), err)
		}
		if all = append(all, c); len(all) > MaxHostCommands {
			return nil, fmt.Errorf("more than %d commands", MaxHostCommands)
		}
	}
	return all, nil
}

// String returns the text that ParseHostCommands reads.
func (c HostCommand) String() string { return strings.Join(c, " ") }

func (c HostCommand) check() error {
	switch {
	case len(c) > MaxHostCommandWords:
		return fmt.Errorf("has more than %d words", MaxHostCommandWords)
	case !path.IsAbs(c[0]) || path.Clean(c[0]) != c[0] || strings.ContainsAny(c[0], "{}*"):
		return fmt.Errorf("does not begin with the absolute path of a program, such as /usr/sbin/ethtool")
	}
	for _, word := range c[1:] {
		if strings.ContainsRune(word, 0) {
			return fmt.Errorf("has a NUL character")
		}
		inner, open := strings.CutPrefix(word, "{")
		inner, closed := strings.CutSuffix(inner, "}")
		switch {
		case !open && !strings.ContainsAny(word, "{}"):
		case !open || !closed || strings.ContainsAny(inner, "{}"):
			return fmt.Errorf("has the word %s: braces stand around a whole word", word)
		case inner == "name" || inner == "number":
		case !strings.Contains(inner, "|") || slices.Contains(strings.Split(inner, "|"), ""):
			return fmt.Errorf("has the pattern %s: say {name}, {number}, or words such as {on|off}", word)
		}
	}
	return nil
}

// Allows reports whether argv is a form of the command.
func (c HostCommand) Allows(argv []string) bool {
	if len(argv) != len(c) || argv[0] != c[0] {
		return false
	}
	for i, pattern := range c[1:] {
		if !allowsWord(pattern, argv[i+1]) {
			return false
		}
	}
	return true
}

func allowsWord(pattern, word string) bool {
	inner, open := strings.CutPrefix(pattern, "{")
	inner, closed := strings.CutSuffix(inner, "}")
	switch {
	case !open || !closed:
		return word == pattern
	case inner == "name":
		return word != "" && len(word) <= 64 && isNameByte(word[0], false) &&
			!strings.ContainsFunc(word, func(r rune) bool { return r > 127 || !isNameByte(byte(r), true) })
	case inner == "number":
		return word != "" && len(word) <= 18 && strings.Trim(word, "0123456789") == ""
	}
	return slices.Contains(strings.Split(inner, "|"), word)
}

// isNameByte reports whether b can be in a name. A name begins with a letter or a digit: it is
// no option and no path.
func isNameByte(b byte, inside bool) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || inside && strings.IndexByte("._:@-", b) >= 0
}

// ExecQuery are the parameters of StreamExec.
type ExecQuery struct {
	Argv []string `json:"argv"`
	// Who asks, for the log of the host.
	Who string `json:"who,omitempty"`
}

// Check returns an error unless the query can be that of a command.
func (q ExecQuery) Check() error {
	bytes := 0
	for _, word := range q.Argv {
		bytes += len(word)
		if strings.ContainsRune(word, 0) {
			return fmt.Errorf("the command has a NUL character")
		}
	}
	switch {
	case len(q.Argv) == 0 || !path.IsAbs(q.Argv[0]):
		return fmt.Errorf("name the program by its absolute path, as in agent.exec of the host")
	case len(q.Argv) > MaxHostCommandWords || bytes > MaxHostCommandBytes:
		return fmt.Errorf("the command has more than %d words or %d bytes", MaxHostCommandWords, MaxHostCommandBytes)
	}
	return nil
}

// ExecReport is what became of a command on a host.
type ExecReport struct {
	// Exit is the exit status. It is -1 if the command did not end by itself; then Failure
	// says why.
	Exit    int    `json:"exit"`
	Failure string `json:"failure,omitempty"`
	// Output is what the command has printed, both outputs together. Cut says that there was
	// more.
	Output string        `json:"output,omitempty"`
	Cut    bool          `json:"cut,omitempty"`
	User   string        `json:"user,omitempty"` // as which it ran
	Took   time.Duration `json:"took_ns"`
}

// HostSettings are settings of the kernel and of network cards, for reports.
type HostSettings struct {
	// Files are texts that the kernel shows, by path.
	Files map[string]string `json:"files,omitempty"`
	// Cards are the network cards, each with its settings and counters by name.
	Cards map[string]map[string]string `json:"cards,omitempty"`
	// More is how many cards were left out.
	More int `json:"more,omitempty"`
}
