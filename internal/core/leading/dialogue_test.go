package leading_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/leading"
	"github.com/zeekfleet/zeekfleet/internal/golden"
)

var update = flag.Bool("update", false, "rewrite the dialogues")

// TestDialogues plays the files in testdata. A line that is not indented makes something happen:
//
//	controllers NAME…      begins a new world
//	up, kill, pause, resume NAME
//	away, back NAME        its store cannot be reached, and can again
//	deaf, hears NAME OF    it does not hear another one, and hears it again
//	disbelieves, believes NAME OF
//	                       its clock is wrong, so that it does not believe another one
//	fails, works NAME      its terms fail to open
//	learner, voter, behind, caughtup NAME
//	closes NAME TIME       how long its terms take to close
//	handover NAME [TO]
//	stop NAME
//	seen NAME TERM         an agent names a term to it
//	wait                   to the time of the line
//
// Each of them may begin with "at TIME".
func TestDialogues(t *testing.T) {
	golden.Dialogues(t, *update, func(t testing.TB, text string) string {
		var out strings.Builder
		var w *world
		for number, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			if strings.HasPrefix(line, " ") {
				continue // what happened last time
			}
			words := strings.Fields(line)
			if len(words) > 1 && words[0] == "at" {
				at, err := time.ParseDuration(words[1])
				if err != nil {
					t.Fatalf("line %d: %v", number+1, err)
				}
				w.runUntil(at)
				words = words[2:]
			}
			fmt.Fprintln(&out, line)
			switch {
			case len(words) == 0 || strings.HasPrefix(line, "#"):
			case words[0] == "controllers":
				w = newWorld(rand.New(rand.NewPCG(1, 1)), words[1:]...)
				w.log = func(who, what string) { fmt.Fprintf(&out, "  %-8v %s %s\n", w.now.Round(time.Millisecond), who, what) }
				w.live()
			case words[0] == "wait":
			default:
				if err := play(w, words); err != nil {
					t.Fatalf("line %d: %s: %v", number+1, line, err)
				}
			}
			if w != nil && len(w.broken) > 0 {
				t.Fatalf("line %d: %v", number+1, w.broken)
			}
		}
		return out.String()
	})
}

func play(w *world, words []string) error {
	m := w.member(words[1])
	if m == nil {
		return fmt.Errorf("no controller %q", words[1])
	}
	word := func() string { return words[2] }
	switch words[0] {
	case "up":
		m.start()
	case "kill":
		m.kill()
	case "pause", "resume":
		m.pause(words[0] == "pause")
	case "away", "back":
		m.away = words[0] == "away"
	case "deaf", "hears":
		m.deaf[word()] = words[0] == "deaf"
	case "disbelieves", "believes":
		m.disbelieves[word()] = words[0] == "disbelieves"
	case "fails", "works":
		m.failing = words[0] == "fails"
	case "learner":
		w.store.learners[m.name] = true
	case "voter":
		delete(w.store.learners, m.name)
	case "behind", "caughtup":
		m.step(leading.Standing{Behind: words[0] == "behind"})
	case "closes":
		d, err := time.ParseDuration(word())
		m.closes = d
		return err
	case "handover":
		to := ""
		if len(words) > 2 {
			to = word()
		}
		m.step(leading.HandOver{To: to})
	case "stop":
		m.step(leading.Stop{})
	case "seen":
		term, err := strconv.ParseUint(word(), 10, 64)
		m.step(leading.TermSeen{Term: term})
		return err
	default:
		return fmt.Errorf("unknown verb %q", words[0])
	}
	return nil
}
