package live

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// Scene is a cluster at one moment. It does not change. Draw computes what a person sees
// of it at a time: what to say above the nodes, and the nodes. order is the number of the
// Order that the person has chosen.
type Scene struct {
	Draw func(now time.Time, order int) (above show.Page, nodes show.Table)
}

// Order is an order of the nodes. A person chooses it with a key.
type Order struct{ Key, Name string }

// The messages of a Watched, beside Away, Ended, Tick and those of the library.
type (
	// Scened is the cluster as it is now.
	Scened struct{ Scene Scene }
	// Happened is the line about something that has happened.
	Happened struct{ Row []show.Cell }
)

// Watched is the view of a cluster.
type Watched struct {
	screen show.Screen
	scene  Scene
	now    time.Time
	// events are the latest, the newest last. columns are those of their rows.
	events  [][]show.Cell
	columns []show.Column
	// orders are those that the person can choose, and order is the number of the chosen one.
	orders []Order
	order  int
	away   string
	offset int
	over   bool
}

// keptEvents bounds the events of a view.
const keptEvents = 100

// NewWatched returns the view of a cluster. columns are those of the events.
func NewWatched(screen show.Screen, columns []show.Column, now time.Time) Watched {
	return Watched{screen: screen, columns: columns, now: now}
}

// Ordered returns the view with orders. The one with this number is chosen.
func (w Watched) Ordered(orders []Order, chosen int) Watched {
	w.orders, w.order = orders, chosen
	return w
}

// Init implements tea.Model.
func (w Watched) Init() tea.Cmd { return tick() }

// Update implements tea.Model.
func (w Watched) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case Scened:
		w.scene, w.away = msg.Scene, ""
	case Happened:
		w.events = append(w.events[max(0, len(w.events)-keptEvents+1):len(w.events):len(w.events)], msg.Row)
	case Away:
		w.away = msg.Why
	case Ended, tea.InterruptMsg:
		w.over = true
		return w, tea.Quit
	case Tick:
		w.now = msg.Now
		return w, tick()
	case tea.WindowSizeMsg:
		w.screen.Width, w.screen.Height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return w.key(msg.String())
	}
	return w, nil
}

func (w Watched) key(name string) (tea.Model, tea.Cmd) {
	_, rows, room := w.parts()
	switch name {
	case "ctrl+c", "q", "esc":
		w.over = true
		return w, tea.Quit
	case "down", "j":
		w.offset++
	case "up", "k":
		w.offset--
	case "pgdown", "space":
		w.offset += room
	case "pgup", "b":
		w.offset -= room
	case "home", "g":
		w.offset = 0
	case "end", "G":
		w.offset = len(rows)
	default:
		if i := slices.IndexFunc(w.orders, func(o Order) bool { return o.Key == name }); i >= 0 {
			w.order, w.offset = i, 0
		}
	}
	w.offset = max(0, min(w.offset, len(rows)-room))
	return w, nil
}

// View implements tea.Model. It takes the other screen of the terminal, so that the one
// before comes back.
func (w Watched) View() tea.View {
	v := tea.NewView(w.Text())
	v.AltScreen = true
	return v
}

// parts returns the lines above the nodes with the head of their table, the lines of the
// nodes, and how many of these fit the screen.
func (w Watched) parts() (above, rows []string, room int) {
	if w.away != "" {
		text := show.Text{Text: "The controller does not answer; what is below is old: " + w.away, Tone: show.Warning}
		above = append(above, text.Lines(w.screen)...)
	}
	if w.scene.Draw == nil {
		if w.away == "" {
			above = append(above, "Asking the controller …")
		}
		return above, nil, 0
	}
	page, nodes := w.scene.Draw(w.now, w.order)
	for _, part := range page {
		above = append(above, part.Lines(w.screen)...)
	}
	rows = nodes.Lines(w.screen)
	if len(nodes.Rows) > 0 {
		above, rows = append(above, rows[0]), rows[1:]
	}
	if w.screen.Height <= 0 {
		return above, rows, len(rows)
	}
	return above, rows, max(1, w.screen.Height-len(above)-w.below()-2) // the hidden rows, and the foot
}

// below is how many lines there are for events, with an empty line above them.
func (w Watched) below() int {
	if len(w.events) == 0 {
		return 0
	}
	most := 5
	if w.screen.Height > 0 {
		most = max(w.screen.Height/4, 1)
	}
	return min(len(w.events), most) + 1
}

// Text returns what is on the screen.
func (w Watched) Text() string {
	if w.over {
		return ""
	}
	above, rows, room := w.parts()
	lines := above
	shown := rows
	if room < len(rows) {
		offset := max(0, min(w.offset, len(rows)-room))
		shown = rows[offset : offset+room]
	}
	lines = append(lines, shown...)
	if hidden := len(rows) - len(shown); hidden > 0 {
		lines = append(lines, w.screen.In(show.Faint, fmt.Sprintf("… %d more; ↑ and ↓ move", hidden)))
	}
	if n := w.below(); n > 0 {
		table := show.Table{Columns: w.columns, Rows: w.events[len(w.events)-(n-1):]}
		lines = append(lines, "")
		lines = append(lines, table.Lines(w.screen)[1:]...)
	}
	lines = append(lines, w.screen.In(show.Faint, w.foot()))
	if h := w.screen.Height; h > 0 && len(lines) > h {
		lines = append(lines[:h-1], lines[len(lines)-1])
	}
	return strings.Join(lines, "\n")
}

// foot names the keys.
func (w Watched) foot() string {
	text := "q leaves"
	for i, o := range w.orders {
		word := ", "
		if i == 0 {
			word = "; sort by "
		}
		text += word + o.Key + " " + o.Name
	}
	if w.screen.Width > 0 {
		text = show.Cut(text, w.screen.Width)
	}
	return text
}

// Watcher shows a cluster until the user leaves.
type Watcher struct {
	// Follower says where and how to draw. Its Watch has no effect.
	Follower
	// Columns are those of the rows of events. They must not wrap.
	Columns []show.Column
	// Orders are the orders of the nodes that the user can choose, and Order is the number of
	// the first one.
	Orders []Order
	Order  int
	// Stream tells of what happens, until it fails. It calls each with the row of an event,
	// or with nil when it only has begun or lives.
	Stream func(ctx context.Context, each func(row []show.Cell)) error
	// Look returns the cluster as it is now.
	Look func(ctx context.Context) (Scene, error)
}

// settling is how long a Watcher waits after an event before it looks: more events may
// come.
const settling = 100 * time.Millisecond

// Run draws the cluster until the user leaves, ctx is done, or the controller refuses.
func (w Watcher) Run(ctx context.Context) error {
	program := tea.NewProgram(NewWatched(w.Output.Screen, w.Columns, time.Now()).Ordered(w.Orders, w.Order), w.options(ctx)...)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var asking sync.WaitGroup
	var failure error
	asking.Go(func() {
		failure = w.feed(watching, program.Send)
		program.Send(Ended{})
	})
	_, err := program.Run()
	stop()
	asking.Wait()
	switch {
	case ctx.Err() != nil: // Run has its own error for that
		return failure
	case err != nil:
		return fmt.Errorf("draw the cluster: %w", err)
	}
	return failure
}

// feed sends what happens. It ends with an error that does not pass, or when ctx is done.
func (w Watcher) feed(ctx context.Context, send func(tea.Msg)) error {
	pause := w.Pause
	if pause <= 0 {
		pause = time.Second
	}
	for {
		err := w.stream(ctx, send)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !w.IsAway(err):
			return err
		case err != nil:
			send(Away{err.Error()})
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// stream sends what happens until the stream ends, and looks at the cluster at its
// beginning and after each event.
func (w Watcher) stream(ctx context.Context, send func(tea.Msg)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	news := make(chan struct{}, 1) // holds one token if there is something to look at
	var looking sync.WaitGroup
	var failure error
	looking.Go(func() {
		failure = w.look(ctx, news, send)
		if failure != nil {
			cancel()
		}
	})
	news <- struct{}{}
	err := w.Stream(ctx, func(row []show.Cell) {
		if row != nil {
			send(Happened{row})
		}
		select {
		case news <- struct{}{}:
		default:
		}
	})
	cancel()
	looking.Wait()
	if failure != nil {
		return failure
	}
	return err
}

// look looks at the cluster whenever there are news.
func (w Watcher) look(ctx context.Context, news <-chan struct{}, send func(tea.Msg)) error {
	for wait := time.Duration(0); ; wait = settling {
		select {
		case <-news:
		case <-ctx.Done():
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
		select {
		case <-news: // this look sees that, too
		default:
		}
		scene, err := w.Look(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		send(Scened{scene})
	}
}
