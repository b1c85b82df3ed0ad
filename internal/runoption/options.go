package runoption

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Option is an option of a node, with the value that it has without us.
type Option struct {
	Name string
	// Type is the name of a type of Zeek. Empty means that every text is a value.
	Type string
	// Value is a text that Parse takes.
	Value string
}

// Options are the options of one node. Make it with New.
type Options struct {
	known     map[string]Option
	constants map[string]bool

	mu    sync.Mutex
	texts map[string]string // of options that do not have their first value
	told  map[string]bool   // by the agent
}

// New returns a node's options. constants are names of Zeek's constants: a person may take
// them for options.
func New(known []Option, constants []string) *Options {
	o := &Options{known: map[string]Option{}, constants: map[string]bool{}, texts: map[string]string{}, told: map[string]bool{}}
	for _, k := range known {
		o.known[k.Name] = k
	}
	for _, c := range constants {
		o.constants[c] = true
	}
	return o
}

// Names returns the names of all options, sorted.
func (o *Options) Names() []string { return slices.Sorted(maps.Keys(o.known)) }

// Text returns the text of an option's value. It returns false if there is no such option.
func (o *Options) Text(name string) (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	option, ok := o.known[name]
	if text, set := o.texts[name]; set {
		return text, ok
	}
	return option.Value, ok
}

// Value returns an option's value as package node renders it.
func (o *Options) Value(name string) (any, error) {
	text, ok := o.Text(name)
	if !ok {
		return nil, o.unknown(name)
	}
	return o.known[name].parse(text)
}

func (k Option) parse(text string) (any, error) {
	if k.Type == "" {
		return text, nil
	}
	return Parse(k.Type, text)
}

// check returns an error, in the words of our node script, if an option cannot have this
// value.
func (o *Options) check(name, text string) error {
	option, ok := o.known[name]
	if !ok {
		return o.unknown(name)
	}
	if _, err := option.parse(text); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (o *Options) unknown(name string) error {
	if o.constants[name] {
		return fmt.Errorf("%s is a constant: put it into a bundle, it takes a restart", name)
	}
	if near := mgmt.Nearest(name, o.Names()); near != "" {
		return fmt.Errorf("unknown id %s (did you mean %s?)", name, near)
	}
	return fmt.Errorf("unknown id %s", name)
}

// Set sets one option, as the dispatch set_option.
func (o *Options) Set(name, text string) error {
	if err := o.check(name, text); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.texts[name] = text
	return nil
}

// SetAll gives the node these options and no others, as the dispatch mgmt.SetOptions. It
// changes all or none. args are name, value, name, value, and so on.
func (o *Options) SetAll(args []string) error {
	if len(args)%2 != 0 {
		return errors.New("set_options expects names and values of options")
	}
	var wrong []string
	for i := 0; i < len(args); i += 2 {
		if err := o.check(args[i], args[i+1]); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong, "; "))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for name := range o.told {
		delete(o.texts, name)
	}
	o.told = map[string]bool{}
	for i := 0; i < len(args); i += 2 {
		o.texts[args[i]], o.told[args[i]] = args[i+1], true
	}
	return nil
}

// Start gives the node the options that it has from its start. It leaves out those that
// cannot be set, and returns why.
func (o *Options) Start(list []mgmt.Option) (wrong []error) {
	for _, option := range list {
		if err := o.Set(option.Name, option.Value); err != nil {
			wrong = append(wrong, err)
			continue
		}
		o.mu.Lock()
		o.told[option.Name] = true
		o.mu.Unlock()
	}
	return wrong
}
