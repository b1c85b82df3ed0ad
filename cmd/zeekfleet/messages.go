package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// messages is the slog.Handler of a command that a person waits for. It prints
// each record as one line in the form of the command's other messages.
type messages struct {
	out   io.Writer
	level slog.Level
	attrs []slog.Attr
}

// Enabled implements slog.Handler.
func (m messages) Enabled(_ context.Context, level slog.Level) bool { return level >= m.level }

// WithAttrs implements slog.Handler.
func (m messages) WithAttrs(attrs []slog.Attr) slog.Handler {
	m.attrs = append(m.attrs[:len(m.attrs):len(m.attrs)], attrs...)
	return m
}

// WithGroup implements slog.Handler. It ignores the group, because no log of
// these commands has groups.
func (m messages) WithGroup(string) slog.Handler { return m }

// Handle implements slog.Handler.
func (m messages) Handle(_ context.Context, r slog.Record) error {
	var facts []string
	add := func(a slog.Attr) bool {
		fact := a.Value.String()
		if a.Key != "err" && a.Key != "why" { // these values are sentences and need no name
			fact = a.Key + "=" + fact
		}
		facts = append(facts, fact)
		return true
	}
	for _, a := range m.attrs {
		add(a)
	}
	r.Attrs(add)
	text := r.Message
	if r.Level == slog.LevelWarn {
		text = "warning: " + text
	}
	if len(facts) > 0 {
		text += ": " + strings.Join(facts, " ")
	}
	_, err := fmt.Fprintln(m.out, "zeekfleet: "+cli.Printable(text))
	return err
}
