package show

import (
	"fmt"
	"io"
)

// Format is a form in which a result is printed.
type Format string

// The formats. Auto is AsTable on a terminal, and Settings.Piped elsewhere.
const (
	Auto    Format = ""
	AsTable Format = "table"
	AsJSON  Format = "json"
	AsYAML  Format = "yaml"
)

// Formats lists the formats that a user can name.
func Formats() []string { return []string{string(AsTable), string(AsJSON), string(AsYAML)} }

// ParseFormat returns the format that a user has named.
func ParseFormat(name string) (Format, error) {
	switch f := Format(name); f {
	case AsTable, AsJSON, AsYAML:
		return f, nil
	}
	return Auto, fmt.Errorf("%q is no format: it is table, json or yaml", name)
}

// Settings say how a command prints its results. The zero value prints nothing but JSON on
// one line.
type Settings struct {
	// Out is standard output.
	Out io.Writer
	// Format is what the user has asked for.
	Format Format
	// Piped is the format if the user has asked for none and Out is no terminal. Auto
	// means AsJSON.
	Piped Format
	// Compact prints JSON on one line.
	Compact bool
	// Screen is the terminal that Out is.
	Screen Screen
}

// Chosen returns the format in which results are printed. It is not Auto.
func (s Settings) Chosen() Format {
	switch {
	case s.Format != Auto:
		return s.Format
	case s.Screen.Terminal:
		return AsTable
	case s.Piped != Auto:
		return s.Piped
	}
	return AsJSON
}

// Print prints value: as the table, or as JSON or YAML. It calls table only if the
// table is printed.
func Print(s Settings, value any, table func() Table) error {
	return PrintPage(s, value, func() Page { return Page{table()} })
}

// PrintPage is Print for a result that is more than one table.
func PrintPage(s Settings, value any, page func() Page) error {
	text, err := s.text(value, page)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(s.Out, text); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

func (s Settings) text(value any, page func() Page) (string, error) {
	switch s.Chosen() {
	case AsTable:
		return page().Text(s.Screen), nil
	case AsYAML:
		return renderYAML(value)
	}
	return renderJSON(value, !s.Compact)
}

// Own is a value that has a JSON form of its own, which scripts know.
type Own interface {
	// JSON returns the text, on one line or on several. A newline ends it.
	JSON(pretty bool) string
	// Plain returns the same value, made of what encoding/json decodes into an any.
	Plain() any
}
