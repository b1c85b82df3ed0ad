package live

import (
	"context"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// Follower shows an operation until it has ended, or until the user leaves.
type Follower struct {
	// Output says whether and how the operation is drawn.
	Output show.Settings
	// In is the terminal's input. Nil means that there are no keys.
	In io.Reader
	// Environment is that of the program, as os.Environ returns it.
	Environment []string
	// Watch returns the operation as it is now, and each time it has changed, until it has
	// ended (api.Client.Follow).
	Watch func(ctx context.Context, id uint64) iter.Seq2[api.Operation, error]
	// IsAway reports whether an error means that the controller does not answer now, and
	// may later.
	IsAway func(error) bool
	// Say prints a line about the progress where nothing is drawn.
	Say func(line string)
	// Pause is the time between two attempts to reach a controller that is away. Zero
	// means a second.
	Pause time.Duration
}

// Follow shows an operation. op is the operation as it is now, and begun is when it began,
// by the clock of this host. Follow returns the operation as it was last. If ctx or the user
// has ended the view before, the operation has not ended, and the error is nil.
func (f Follower) Follow(ctx context.Context, op api.Operation, begun time.Time) (api.Operation, error) {
	if op.Ends() {
		return op, nil
	}
	if f.Drawn() {
		return f.draw(ctx, op, begun)
	}
	p := lines{say: f.Say}
	p.changed(op)
	err := f.watch(ctx, op.ID, func(now api.Operation) {
		op = now
		p.changed(op)
	}, func(why string) { f.Say("the controller does not answer, and the operation goes on: " + why) })
	return op, err
}

// Drawn reports whether there is a terminal to draw on.
func (f Follower) Drawn() bool {
	s := f.Output.Screen
	return s.Terminal && s.Width > 0 && s.Height > 0 && f.Output.Chosen() == show.AsTable
}

// quick is how long an operation may take without being drawn.
const quick = 300 * time.Millisecond

func (f Follower) draw(ctx context.Context, op api.Operation, begun time.Time) (api.Operation, error) {
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var asking sync.WaitGroup
	d := drawing{last: op, ended: make(chan struct{})}
	var failure error
	asking.Go(func() {
		failure = f.watch(watching, op.ID, func(now api.Operation) { d.tell(Changed{now}) }, func(why string) { d.tell(Away{why}) })
		d.end()
	})
	select {
	case <-d.ended:
	case <-time.After(quick):
	}
	err := d.run(func(now api.Operation) *tea.Program { return f.program(ctx, now, begun) })
	stop()
	asking.Wait()
	if ctx.Err() != nil { // the program has its own error for that
		err = nil
	}
	if err != nil {
		return d.last, fmt.Errorf("draw the progress: %w", err)
	}
	return d.last, failure
}

func (f Follower) program(ctx context.Context, op api.Operation, begun time.Time) *tea.Program {
	return tea.NewProgram(NewModel(f.Output.Screen, op, begun), f.options(ctx)...)
}

// options are those of the library for this terminal.
func (f Follower) options(ctx context.Context) []tea.ProgramOption {
	profile := colorprofile.Ascii
	if f.Output.Screen.Color {
		profile = colorprofile.ANSI
	}
	return []tea.ProgramOption{
		tea.WithContext(ctx), tea.WithInput(f.In), tea.WithOutput(f.Output.Out), tea.WithEnvironment(f.Environment),
		tea.WithColorProfile(profile), tea.WithoutSignalHandler(),
	}
}

// drawing hands on what is told of an operation to the program that draws it, if that runs
// already.
type drawing struct {
	mu    sync.Mutex
	last  api.Operation
	ended chan struct{} // closed when nothing more is told
	// program is nil until something is drawn. If it is not nil, it runs, or soon will: a
	// program that never runs would hold up whoever tells it something.
	program *tea.Program
}

func (d *drawing) tell(msg tea.Msg) {
	d.mu.Lock()
	if now, ok := msg.(Changed); ok {
		d.last = now.Operation
	}
	program := d.program
	d.mu.Unlock()
	if program != nil {
		program.Send(msg) // returns at once when the program has ended
	}
}

// end tells that nothing more comes.
func (d *drawing) end() {
	d.mu.Lock()
	close(d.ended)
	d.mu.Unlock()
	d.tell(Ended{})
}

// run draws until the program ends. It draws nothing if nothing more comes.
func (d *drawing) run(program func(api.Operation) *tea.Program) error {
	d.mu.Lock()
	select {
	case <-d.ended:
		d.mu.Unlock()
		return nil
	default:
	}
	d.program = program(d.last)
	d.mu.Unlock()
	_, err := d.program.Run()
	return err
}

// watch calls changed with the operation until it has ended or ctx is done. While the
// controller is away, it tries again.
func (f Follower) watch(ctx context.Context, id uint64, changed func(api.Operation), away func(why string)) error {
	pause := f.Pause
	if pause <= 0 {
		pause = time.Second
	}
	for {
		var failure error
		for op, err := range f.Watch(ctx, id) {
			if failure = err; err != nil {
				break
			}
			changed(op)
			if op.Ends() {
				return nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case failure == nil:
			return fmt.Errorf("the controller no longer tells of operation %d", id)
		case !f.IsAway(failure):
			return failure
		}
		away(failure.Error())
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// lines says what has changed, a line for each step.
type lines struct {
	say   func(string)
	doing string
	known map[string]string
	ended int // of the steps that were told
}

func (l *lines) changed(o api.Operation) {
	if l.known == nil {
		l.known = map[string]string{}
		l.say(titleOf(o))
	}
	t := tallyOf(o)
	for _, s := range o.Steps {
		key := s.Instance + "/" + s.Node
		before := l.known[key]
		l.known[key] = s.State
		if before == s.State || !isWork(s) || s.State != api.StepDone && s.State != api.StepFailed {
			continue
		}
		l.ended++
		text := fmt.Sprintf("%s %s (%d of %d)", nameOf(s), StateOf(s).Text, l.ended, t.work)
		if s.Error != "" {
			text += ": " + s.Error
		}
		l.say(text)
	}
	if o.Doing != l.doing && o.Doing != "" {
		l.doing = o.Doing
		l.say(o.Doing)
	}
}
