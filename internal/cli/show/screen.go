package show

import (
	"fmt"
	"io"
	"os"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/sys/unix"
)

// Screen is the terminal on which a page is shown. The zero Screen is none: pages are as
// wide as they need, and have no colour.
type Screen struct {
	// Terminal says that there is a terminal.
	Terminal bool
	// Width is the number of columns. Zero means that nothing bounds a line.
	Width int
	// Height is the number of lines. Zero means that it is unknown.
	Height int
	// Color says that pages have colour.
	Color bool
}

// Coloring says when pages have colour.
type Coloring string

// The values of Coloring.
const (
	ColorAuto   Coloring = "auto" // on a terminal that can show colour, unless NO_COLOR is set
	ColorAlways Coloring = "always"
	ColorNever  Coloring = "never"
)

// Colorings lists the values of Coloring.
func Colorings() []string {
	return []string{string(ColorAuto), string(ColorAlways), string(ColorNever)}
}

// ParseColoring returns the value of Coloring that a user has named.
func ParseColoring(name string) (Coloring, error) {
	switch c := Coloring(name); c {
	case ColorAuto, ColorAlways, ColorNever:
		return c, nil
	}
	return "", fmt.Errorf("%q is no answer: it is auto, always or never", name)
}

// ScreenOf returns the terminal that out is. lookup reads the environment. An empty when
// means ColorAuto.
func ScreenOf(out io.Writer, lookup func(string) (string, bool), when Coloring) Screen {
	s := Screen{Color: when == ColorAlways}
	file, ok := out.(*os.File)
	if !ok {
		return s
	}
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return s
	}
	s.Terminal, s.Width, s.Height = true, int(size.Col), int(size.Row)
	if when == ColorAuto || when == "" {
		s.Color = wantsColor(lookup)
	}
	return s
}

// Measured returns the settings with the size that the terminal has now: its user may have
// changed it.
func (s Settings) Measured() Settings {
	file, ok := s.Out.(*os.File)
	if !ok || !s.Screen.Terminal {
		return s
	}
	if size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ); err == nil {
		s.Screen.Width, s.Screen.Height = int(size.Col), int(size.Row)
	}
	return s
}

// wantsColor reports whether the terminal of this environment can show colour, and the
// user has not said that there should be none (no-color.org).
func wantsColor(lookup func(string) (string, bool)) bool {
	if no, _ := lookup("NO_COLOR"); no != "" {
		return false
	}
	term, _ := lookup("TERM")
	return term != "" && term != "dumb"
}

// Tone is what a text says about the cluster: it chooses the colour.
type Tone int

// The tones.
const (
	Plain Tone = iota
	Good
	Warning
	Bad
	Faint  // of little interest
	Strong // a heading
)

// In returns text in the colour of a tone. text is printable already.
func (s Screen) In(t Tone, text string) string {
	if !s.Color || text == "" {
		return text
	}
	// These are the terminal's own sixteen colours: its user has chosen them to be legible.
	var style ansi.Style
	switch t {
	case Good:
		style = ansi.NewStyle().ForegroundColor(ansi.Green)
	case Warning:
		style = ansi.NewStyle().ForegroundColor(ansi.Yellow)
	case Bad:
		style = ansi.NewStyle().Bold().ForegroundColor(ansi.Red)
	case Faint:
		style = ansi.NewStyle().Faint()
	case Strong:
		style = ansi.NewStyle().Bold()
	default:
		return text
	}
	return style.Styled(text)
}

// WidthOf returns how many columns of a terminal a text takes.
func WidthOf(text string) int { return ansi.StringWidth(text) }
