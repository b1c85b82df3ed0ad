package live

import (
	"fmt"
	"sort"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// Model is the view of an operation that runs.
type Model struct {
	screen show.Screen
	op     api.Operation
	// begun is when the operation began, by the clock of this host.
	begun, now time.Time
	// away says why the controller does not answer. Empty means that it does.
	away string
	// offset is how many rows are above the screen.
	offset int
	// over says that nothing is to be drawn any more. left says that the user has left.
	// ticked says that the view was drawn for a second.
	over, left, ticked bool
}

// NewModel returns the view of an operation. begun is when it began, by the clock of this
// host; the clock of the controller may be another.
func NewModel(screen show.Screen, op api.Operation, begun time.Time) Model {
	return Model{screen: screen, op: op, begun: begun, now: begun}
}

// The messages of a Model, beside those of the library.
type (
	// Changed is the operation as it is now.
	Changed struct{ Operation api.Operation }
	// Away says that the controller does not answer, and why.
	Away struct{ Why string }
	// Ended says that nothing more comes.
	Ended struct{}
	// Tick says what time it is.
	Tick struct{ Now time.Time }
)

// Init implements tea.Model.
func (m Model) Init() tea.Cmd { return tick() }

// tick moves the clock of the view.
func tick() tea.Cmd {
	return tea.Tick(time.Second, func(now time.Time) tea.Msg { return Tick{now} })
}

// Update implements tea.Model.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case Changed:
		m.op, m.away = msg.Operation, ""
		if m.op.Ends() {
			return m.end()
		}
	case Away:
		m.away = msg.Why
	case Ended:
		return m.end()
	case Tick:
		m.now, m.ticked = msg.Now, true
		return m, tick()
	case tea.WindowSizeMsg:
		m.screen.Width, m.screen.Height = msg.Width, msg.Height
	case tea.InterruptMsg:
		m.over, m.left = true, true
		return m, tea.Quit
	case tea.KeyPressMsg:
		return m.key(msg.String())
	}
	return m, nil
}

// linger is how long a view waits that ends just after its beginning. Meanwhile the
// terminal answers what the library has asked it. An answer that came later would stand
// beside the prompt of the shell.
const linger = 250 * time.Millisecond

func (m Model) end() (tea.Model, tea.Cmd) {
	m.over = true
	if !m.ticked {
		return m, tea.Tick(linger, func(time.Time) tea.Msg { return tea.Quit() })
	}
	return m, tea.Quit
}

func (m Model) key(name string) (tea.Model, tea.Cmd) {
	page := max(m.room(), 1)
	switch name {
	case "ctrl+c", "q", "esc":
		m.over, m.left = true, true
		return m, tea.Quit
	case "down", "j":
		m.offset++
	case "up", "k":
		m.offset--
	case "pgdown", "space":
		m.offset += page
	case "pgup", "b":
		m.offset -= page
	case "home", "g":
		m.offset = 0
	case "end", "G":
		m.offset = len(m.op.Steps)
	}
	m.offset = max(0, min(m.offset, len(m.rows())-page))
	return m, nil
}

// View implements tea.Model.
func (m Model) View() tea.View { return tea.NewView(m.Text()) }

// Text returns what is on the screen. It has less lines than the screen.
func (m Model) Text() string {
	if m.over {
		return ""
	}
	lines := m.head()
	rows := m.rows()
	room := m.room()
	offset := max(0, min(m.offset, len(rows)-room))
	shown := rows
	if room < len(rows) {
		shown = rows[offset : offset+room]
	}
	lines = append(lines, shown...)
	if hidden := len(rows) - len(shown); hidden > 0 {
		lines = append(lines, m.screen.In(show.Faint, m.cut(fmt.Sprintf("… %d more; ↑ and ↓ move", hidden))))
	}
	lines = append(lines, m.screen.In(show.Faint, m.cut("Ctrl-C leaves; the operation goes on.")))
	return strings.Join(lines, "\n")
}

// frame is the greatest number of lines that are no rows: the head, the number of hidden
// rows, the foot, and an empty last line, where the cursor stands.
const frame = 4 + 1 + 1 + 1

// room returns how many rows fit the screen.
func (m Model) room() int {
	if m.screen.Height <= 0 {
		return len(m.op.Steps)
	}
	return max(m.screen.Height-frame, 1)
}

func (m Model) cut(text string) string {
	if m.screen.Width <= 0 {
		return show.Printable(text)
	}
	return show.Cut(text, m.screen.Width)
}

// head returns the lines above the rows: three, or four with a reason.
func (m Model) head() []string {
	t := tallyOf(m.op)
	var text strings.Builder
	text.WriteString(seconds(m.now.Sub(m.begun)))
	if t.work > 0 {
		text.WriteString("  " + bar(t, 20))
	}
	for _, part := range []struct {
		n    int
		word string
	}{{t.failed, "failed"}, {t.running, "running"}, {t.waiting, "waiting"}, {t.unchanged, "unchanged"}} {
		if part.n > 0 {
			fmt.Fprintf(&text, ", %d %s", part.n, part.word)
		}
	}
	doing := m.screen.In(show.Faint, m.cut(m.op.Doing))
	if m.away != "" {
		doing = m.screen.In(show.Warning, m.cut("The controller does not answer, and the operation goes on: "+m.away))
	}
	lines := []string{m.screen.In(show.Strong, m.cut(titleOf(m.op))), m.cut(text.String()), doing}
	if why := becauseOf(m.op); why != "" {
		lines = append(lines, m.screen.In(show.Faint, m.cut("because "+why)))
	}
	return lines
}

// becauseOf returns the reason of all steps, if they have the same one.
func becauseOf(o api.Operation) string {
	why := ""
	for _, s := range o.Steps {
		switch {
		case s.Because == "" || s.Node == "":
		case why == "":
			why = s.Because
		case s.Because != why:
			return ""
		}
	}
	return why
}

// bar draws how much of the work is done, if there is some.
func bar(t tally, width int) string {
	ended := t.done + t.failed + t.skipped
	full := width * ended / t.work
	return fmt.Sprintf("[%s%s] %d of %d", strings.Repeat("#", full), strings.Repeat(".", width-full), ended, t.work)
}

// urgency sorts steps: those that failed first, then those that run.
var urgency = map[string]int{api.StepFailed: 0, api.StepRunning: 1, api.StepWaiting: 2, api.StepSkipped: 3, api.StepDone: 4}

// rows returns a line for each step that has something to do, the urgent ones first.
func (m Model) rows() []string {
	var steps []api.OperationStep
	for _, s := range m.op.Steps {
		if isWork(s) {
			steps = append(steps, s)
		}
	}
	if len(steps) == 0 {
		return nil
	}
	sort.SliceStable(steps, func(i, j int) bool { return urgency[steps[i].State] < urgency[steps[j].State] })
	table := show.Table{Columns: []show.Column{{}, {Least: 12}, {Least: 8, Drop: 1}, {Least: 10}}}
	common := becauseOf(m.op)
	for _, s := range steps {
		if s.Because == common {
			s.Because = "" // the head says it
		}
		row := []show.Cell{StateOf(s), {Text: nameOf(s)}, {Text: s.Instance, Tone: show.Faint}, {Text: s.Because, Tone: show.Faint}}
		if s.Error != "" {
			row[3] = show.Cell{Text: s.Error, Tone: show.Bad}
		}
		table.Rows = append(table.Rows, row)
	}
	return table.Lines(m.screen)[1:] // without the head, which is empty
}

// Left reports whether the user has left before the operation ended.
func (m Model) Left() bool { return m.left }
