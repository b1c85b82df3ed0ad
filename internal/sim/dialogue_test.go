package sim

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var update = flag.Bool("update", false, "rewrite the dialogue files in testdata")

// TestDialogues plays testdata/*.txt, in the language of package coretest. Nothing
// is left to chance. A message takes 1 ms. A process takes 5 ms to begin, 50 ms more
// until it looks for its agent, and 250 ms to end.
//
// Every line of the trace names the program that acts. The number counts the starts
// of the program: controller.2 is the controller after its first restart. Notes
// appear from Warn on. Messages about nodes' states do not appear.
func TestDialogues(t *testing.T) {
	golden.Dialogues(t, *update, func(t testing.TB, text string) string { return coretest.Play(t, text, open) })
}

// stage plays a dialogue with a whole cluster.
type stage struct {
	*world
	t     coretest.T
	trace *coretest.Trace
}

func open(t coretest.T, trace *coretest.Trace) coretest.Stage {
	s := &stage{world: newWorld(rand.New(rand.NewPCG(0, 0)), steadyTerms()), t: t, trace: trace}
	s.log.listen = s.write
	s.fates = map[mgmt.NodeName]fate{}
	return s
}

// write adds an entry to the trace, if a reader needs it.
func (s *stage) write(e entry) {
	switch what := e.What.(type) {
	case note.Note:
		if what.Level < note.Warn {
			return
		}
	case mgmt.NotifyChange, note.Happened:
		return
	}
	if !e.Heard {
		s.trace.Add(e.at, e.Entry)
	}
}

func (s *stage) RunUntil(at time.Duration) { s.runUntil(at) }

func (s *stage) Do(verb string, args *coretest.Args) error {
	err := stageVerbs.Do(s, verb, args)
	if s.broken != nil {
		s.t.Fatalf("%s", s.broken.What)
	}
	return err
}

// agentNamed takes the name of an agent.
func (s *stage) agentNamed(args *coretest.Args) *agentPart {
	name := args.Next()
	a := s.agent(mgmt.InstanceName(name))
	if a == nil {
		s.t.Fatalf("no agent %q", name)
	}
	return a
}

// clientNamed returns the client of this name. It makes the client if there is none.
func (s *stage) clientNamed(name string) *client {
	if i := slices.IndexFunc(s.clients, func(c *client) bool { return c.name == name }); i >= 0 {
		return s.clients[i]
	}
	s.newClient(name)
	return s.clients[len(s.clients)-1]
}
