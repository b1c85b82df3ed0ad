package coretest

import (
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// T is the part of testing.TB that a dialogue needs.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// A Stage plays the lines of a dialogue. It has one core or several, and simulates
// everything around them.
type Stage interface {
	// RunUntil performs everything that is planned up to a time.
	RunUntil(at time.Duration)
	// Do carries out a line: its verb, and the words after it.
	Do(verb string, args *Args) error
}

// Play plays a dialogue and returns it: the lines of text that are not indented, and
// below each of them the lines that the stage adds to the trace. Each line "case
// NAME" opens a new stage.
func Play(t T, text string, open func(T, *Trace) Stage) string {
	t.Helper()
	p := &player{t: t, open: open}
	p.begin()
	for number, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, " ") {
			continue // what happened last time
		}
		if err := p.line(line); err != nil {
			t.Fatalf("line %d: %s: %v\n%s", number+1, line, err, p.trace.text.String())
		}
	}
	p.echo()
	return p.trace.text.String()
}

// player plays one dialogue.
type player struct {
	t        T
	open     func(T, *Trace) Stage
	trace    Trace
	stage    Stage
	held     []string // comments, which belong to the line after them
	clusters map[string]mgmt.Configuration
}

func (p *player) begin() {
	p.trace.names = map[mgmt.ReqID]string{}
	p.clusters = map[string]mgmt.Configuration{}
	p.stage = p.open(p.t, &p.trace)
}

func (p *player) line(line string) error {
	words, err := split(line)
	switch {
	case strings.HasPrefix(line, "case "):
		p.echo(line)
		p.begin()
		return nil
	case line == "" || strings.HasPrefix(line, "#"):
		p.held = append(p.held, line)
		return nil
	case err != nil:
		return err
	}
	args := &Args{words: words, clusters: p.clusters}
	verb := args.Next()
	if verb == "at" {
		at, err := time.ParseDuration(args.Next())
		if err != nil {
			return err
		}
		p.stage.RunUntil(at)
		verb = args.Next()
	}
	p.echo(line)
	if args.err != nil {
		return args.err
	}
	if verb == "cluster" {
		c := args.Configuration()
		p.clusters[c.ID] = c
		return args.Done()
	}
	if err := p.stage.Do(verb, args); err != nil {
		return err
	}
	return args.Done()
}

// echo writes lines of the dialogue, after the comments before them.
func (p *player) echo(lines ...string) {
	for _, line := range append(p.held, lines...) {
		p.trace.command(line)
	}
	p.held = nil
}

// Verbs holds the verbs of a stage. Each has the function that carries out a line.
type Verbs[S any] map[string]func(S, *Args) error

// Do carries out a line.
func (v Verbs[S]) Do(stage S, verb string, args *Args) error {
	do, known := v[verb]
	if !known {
		return fmt.Errorf("unknown verb %q", verb)
	}
	return do(stage, args)
}
