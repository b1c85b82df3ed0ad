package fakezeek

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/runoption"
)

var (
	optionLine = regexp.MustCompile(`^\s*option\s+([\w:]+)\s*(?::\s*([^=]+?))?\s*=\s*(.*);\s*$`)
	startEntry = regexp.MustCompile(`(?m)^\t\[("(?:[^"\\]|\\.)*")\] = ("(?:[^"\\]|\\.)*"),$`)
)

// startOptions begins the options from the start in the script that has them.
const startOptions = "\nredef start_options += {\n"

// declare notes an option that a line of a script declares.
func (l *loader) declare(module, line string) {
	m := optionLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	l.declared = append(l.declared, runoption.Option{Name: qualified(module, m[1]), Type: m[2]})
}

// literalText returns the text of a literal, as a file of options has it.
func literalText(literal string) string {
	if text, err := strconv.Unquote(literal); err == nil {
		return text
	}
	inner := strings.TrimSpace(literal)
	for _, brackets := range [][2]string{{"{", "}"}, {"set(", ")"}, {"vector(", ")"}} {
		if rest, ok := strings.CutPrefix(inner, brackets[0]); ok {
			inner = strings.ReplaceAll(strings.TrimSpace(strings.TrimSuffix(rest, brackets[1])), `"`, "")
		}
	}
	return inner
}

// options returns the options of the node: those that the scripts declare, and some that
// every Zeek has. Other names to which scripts assign a value are constants.
func (s *scripts) options() *runoption.Options {
	known := slices.Concat(runoption.Zeek(), s.declared)
	constants := runoption.ZeekConstants()
	for name := range s.values {
		i := slices.IndexFunc(known, func(o runoption.Option) bool { return o.Name == name })
		if i < 0 {
			constants = append(constants, name)
			continue
		}
		known[i].Value = literalText(s.values[name])
	}
	return runoption.New(known, constants)
}

// started returns the options that the node has from its start.
func (s *scripts) started() []mgmt.Option {
	_, text, ok := strings.Cut(s.text.String(), startOptions)
	if !ok {
		return nil
	}
	text, _, _ = strings.Cut(text, "\n};\n")
	var list []mgmt.Option
	for _, m := range startEntry.FindAllStringSubmatch(text, -1) {
		name, nameErr := strconv.Unquote(m[1])
		value, valueErr := strconv.Unquote(m[2])
		if nameErr == nil && valueErr == nil {
			list = append(list, mgmt.Option{Name: name, Value: value})
		}
	}
	return list
}

// checkOptions returns the error with which a check of the scripts ends if an option from
// the start is wrong.
func (z *zeek) checkOptions(s *scripts) error {
	var wrong []string
	for _, err := range s.options().Start(s.started()) {
		wrong = append(wrong, err.Error())
	}
	if len(wrong) == 0 {
		return nil
	}
	return fatal{"fatal error in zeekfleet-runoption.zeek, line 1: zeekfleet: an option cannot be set: " + strings.Join(wrong, "; ")}
}

// setStartOptions sets the options from the start. It warns of those that are wrong.
func (n *node) setStartOptions() {
	n.runOptions = n.options()
	for _, err := range n.runOptions.Start(n.started()) {
		fmt.Fprintf(n.err, "warning in zeekfleet-runoption.zeek, line 1: zeekfleet: an option was not set: %v\n", err)
	}
}

// optionJSON returns an option's value for get_id_value.
func (n *node) optionJSON(name string) (any, bool) {
	text, ok := n.runOptions.Text(name)
	if !ok {
		return nil, false
	}
	value, err := n.runOptions.Value(name)
	if err != nil {
		return text, true
	}
	switch value := value.(type) {
	case map[any]struct{}:
		elements := []string{}
		for element := range value {
			elements = append(elements, fmt.Sprint(element))
		}
		slices.Sort(elements)
		return elements, true
	case bool, string, uint64, int64, float64, []any:
		return value, true
	}
	return text, true
}

// setOptions is the dispatch set_options.
func (n *node) setOptions(args []string) mgmt.Result {
	if err := n.runOptions.SetAll(args); err != nil {
		return failure("%v", err)
	}
	return mgmt.Result{Success: true, Data: mgmt.Text("")}
}

// setOption sets an option, or an identifier to which the scripts have assigned a value.
func (n *node) setOption(args []string) mgmt.Result {
	if len(args) < 2 {
		return failure("set_option expects name and value of an option")
	}
	name, text := args[0], args[1]
	_, isOption := n.runOptions.Text(name)
	if _, ok := n.values[name]; !ok || isOption {
		if err := n.runOptions.Set(name, text); err != nil {
			return failure("%v", err)
		}
		value, _ := n.optionJSON(name)
		return success(value)
	}
	n.values[name] = text
	return success(asJSON(text))
}
