package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// Fleet runs the commands that plan changes of a cluster, make them, and tell of them.
// They ask the controller through its HTTP API. Each exported method is one command, and
// returns the exit status.
type Fleet struct {
	*Commands
	// Ask asks the person at the terminal. Nil means that nobody is there.
	Ask func(ctx context.Context, question string) (string, error)
	// Yes answers the question whether to deploy.
	Yes bool
	// Keys is the terminal at which the person can type. Nil means that there is none.
	Keys io.Reader
	// Environment is that of the program, as os.Environ returns it.
	Environment []string
}

// ask calls then with a client of the controller. It prints the error of then.
//
// The compiler does not copy it into its many callers (docs/decisions/0059).
//
//go:noinline
func (f Fleet) ask(ctx context.Context, then func(*api.Client) error) int {
	return f.asking(ctx, f.doubted, then)
}

// printPage prints a result: data, or the page.
func (f Fleet) printPage(value any, page func() show.Page) error {
	return show.PrintPage(f.output(), value, page)
}

// forPerson reports whether a result is printed as a page.
func (f Fleet) forPerson() bool { return f.output().Chosen() == show.AsTable }

// printText prints a text as it is.
func (f Fleet) printText(text string) error {
	if _, err := io.WriteString(f.Stdout, text); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// timeLeft returns the seconds that the user has given to the command, or 0.
func timeLeft(ctx context.Context) int64 {
	end, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return max(1, int64(math.Ceil(time.Until(end).Seconds())))
}

// confirmed asks whether to go on. It returns an error unless the person says yes.
func (f Fleet) confirmed(ctx context.Context, question string) error {
	if f.Yes {
		return nil
	}
	if f.Ask == nil {
		return fmt.Errorf("nothing was deployed: there is no terminal at which to ask; look at the plan (zeekfleet plan), and say --yes")
	}
	answer, err := f.Ask(ctx, question+" [y/N] ")
	if err != nil {
		return fmt.Errorf("nothing was deployed: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return fmt.Errorf("nothing was deployed")
}

// at names a node with its instance, or an instance alone.
func at(instance, node string) string {
	switch {
	case node == "":
		return "instance " + instance
	case instance == "":
		return node
	}
	return node + "@" + instance
}

// took returns a duration for a person.
func took(begun, ended time.Time) string {
	if begun.IsZero() || ended.Before(begun) {
		return ""
	}
	d := ended.Sub(begun)
	if d < time.Minute {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return d.Round(time.Second).String()
}

// lastLines returns the last lines of what a process printed: of standard error, or else of
// standard output.
func lastLines(stdout, stderr string, most int) []string {
	text := strings.TrimSpace(cmp.Or(strings.TrimSpace(stderr), stdout))
	if text == "" {
		return nil
	}
	lines := strings.Split(text, "\n")
	return lines[max(0, len(lines)-most):]
}
