package happenings_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// pair is an agent that tells a controller what happens, over a connection that can end.
type pair struct {
	t       *testing.T
	agent   *happenings.Log
	teller  *happenings.Teller
	ours    *happenings.Log
	hearing *happenings.Recorder

	mu      sync.Mutex
	link    mgmt.PeerID // empty while there is none
	links   int
	asks    atomic.Int64
	batches []happenings.Batch
}

// newPair runs both ends in a bubble of virtual time.
func newPair(t *testing.T, agentDir, ourDir string, cfg happenings.RecorderConfig) *pair {
	p := &pair{t: t, agent: open(t, happenings.Config{Dir: agentDir, MaxRecords: 4000}), ours: open(t, happenings.Config{Dir: ourDir})}
	p.teller = happenings.NewTeller(p.agent, logTo(&strings.Builder{}))
	cfg.Log, cfg.Hears = p.ours, true
	p.hearing = happenings.NewRecorder(cfg)
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	enough := errors.New("enough")
	var running sync.WaitGroup
	running.Go(func() { p.hearing.Run(ctx, p.ask) })
	running.Go(func() { p.teller.Run(ctx, p.tell) })
	t.Cleanup(func() { cancel(enough); running.Wait() })
	return p
}

// ask brings a question to the agent, if they are connected.
func (p *pair) ask(a happenings.Ask) {
	p.mu.Lock()
	there := p.link == a.Peer
	p.asks.Add(1)
	p.mu.Unlock()
	if there {
		p.teller.Ask(a)
	}
}

func (p *pair) tell(b happenings.Batch) {
	p.mu.Lock()
	there := p.link == b.Peer
	p.batches = append(p.batches, b)
	p.mu.Unlock()
	if there {
		p.hearing.Hear(b)
	}
}

func (p *pair) connect() {
	p.mu.Lock()
	p.links++
	p.link = mgmt.PeerID(fmt.Sprint("link ", p.links))
	link := p.link
	p.mu.Unlock()
	p.hearing.Follow(link, "sensor-1")
}

func (p *pair) disconnect() {
	p.mu.Lock()
	link := p.link
	p.link = ""
	p.mu.Unlock()
	p.hearing.Unfollow(link)
	p.teller.Forget(link)
}

// heard returns which of the agent's happenings the controller's log has, in its order. What
// is lost is in brackets.
func (p *pair) heard() string {
	var texts []string
	for _, r := range read(p.t, p.ours, happenings.Query{Limit: 10_000}) {
		if r.Kind == mgmt.HappenedLost {
			texts = append(texts, "["+strings.SplitN(r.Cause, " ", 2)[0]+"]")
			continue
		}
		texts = append(texts, strings.TrimPrefix(r.Cause, "killed by SIGKILL, "))
	}
	return strings.Join(texts, " ")
}

// numbers returns the numbers from one to another, as heard does.
func numbers(from, to int) string {
	var texts []string
	for i := from; i < to; i++ {
		texts = append(texts, fmt.Sprint(i))
	}
	return strings.Join(texts, " ")
}

func TestAgentTellsInOrderAndOnceWhateverEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agentDir, ourDir := t.TempDir(), t.TempDir()
		p := newPair(t, agentDir, ourDir, happenings.RecorderConfig{})
		add(t, p.agent, records(0, 500)...) // before they have ever met
		p.connect()
		synctest.Wait()
		if got := p.heard(); got != numbers(0, 500) {
			t.Fatalf("heard %s", got)
		}
		add(t, p.agent, records(500, 501)...)
		synctest.Wait()
		if got := p.heard(); got != numbers(0, 501) {
			t.Errorf("heard %s", got)
		}
		p.disconnect()
		add(t, p.agent, records(501, 503)...)
		synctest.Wait()
		if got := p.heard(); got != numbers(0, 501) {
			t.Errorf("heard without a connection: %s", got)
		}
		for range 3 {
			p.connect()
			synctest.Wait()
			p.disconnect()
		}
		if got := p.heard(); got != numbers(0, 503) {
			t.Errorf("heard after three connections: %s", got)
		}
		last := read(t, p.ours, happenings.Query{Limit: 1, Latest: true})[0]
		if !last.Time.Equal(change(502).Time) && !last.Time.Equal(last.Heard) {
			t.Errorf("it happened at %v and was heard at %v", last.Time, last.Heard)
		}
	})
}

func TestBothEndsMayBeReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agentDir, ourDir := t.TempDir(), t.TempDir()
		for life := range 4 {
			p := newPair(t, agentDir, ourDir, happenings.RecorderConfig{})
			add(t, p.agent, records(life*10, life*10+10)...)
			p.connect()
			synctest.Wait()
			if got := p.heard(); got != numbers(0, life*10+10) {
				t.Errorf("life %d: heard %s", life, got)
			}
			p.disconnect()
			p.ours.Close()
			p.agent.Close()
		}
	})
}

func TestWhatTheAgentHasNoMoreIsSaidToBeMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agentDir, ourDir := t.TempDir(), t.TempDir()
		p := newPair(t, agentDir, ourDir, happenings.RecorderConfig{})
		add(t, p.agent, records(0, 200)...)
		p.connect()
		synctest.Wait()
		p.disconnect()
		add(t, p.agent, records(200, 300)...)
		for chunk := range 100 { // far more than the agent keeps
			add(t, p.agent, records(300+chunk*50, 350+chunk*50)...)
		}
		p.connect()
		synctest.Wait()
		first := read(t, p.agent, happenings.Query{Limit: 1})[0].Seq
		want := fmt.Sprintf("%s [%d] %s", numbers(0, 200), first-201, numbers(int(first)-1, 5300))
		if got := p.heard(); got != want {
			t.Errorf("heard %s", got)
		}
	})
}

func TestAgentWhoseLogWasPutBackIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agentDir, older, ourDir := t.TempDir(), t.TempDir(), t.TempDir()
		p := newPair(t, agentDir, ourDir, happenings.RecorderConfig{})
		add(t, p.agent, records(0, 5)...)
		if err := os.CopyFS(older, os.DirFS(agentDir)); err != nil {
			t.Fatal(err)
		}
		add(t, p.agent, records(5, 10)...)
		p.connect()
		synctest.Wait()
		p.disconnect()
		p.ours.Close()
		p = newPair(t, older, ourDir, happenings.RecorderConfig{})
		add(t, p.agent, records(90, 92)...)
		p.connect()
		synctest.Wait()
		if got, want := p.heard(), numbers(0, 10)+" "+numbers(0, 5)+" "+numbers(90, 92); got != want {
			t.Errorf("heard %s, want %s", got, want)
		}
	})
}

func TestMuchOfOneInstanceComesSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, t.TempDir(), t.TempDir(), happenings.RecorderConfig{Burst: 100, PerSecond: 10})
		add(t, p.agent, records(0, 1000)...)
		p.connect()
		synctest.Wait()
		n := p.ours.Newest()
		if n < 100 || n > 400 {
			t.Errorf("%d at once", n)
		}
		time.Sleep(30 * time.Second)
		if more := p.ours.Newest() - n; more < 100 || more > 500 {
			t.Errorf("%d more within half a minute", more)
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := p.heard(); got != numbers(0, 1000) {
			t.Errorf("heard %s", got)
		}
	})
}

func TestAgentTellsOfItselfAloneAndNoMoreThanItIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, happenings.Config{Dir: t.TempDir()})
		var asked []happenings.Ask
		r := happenings.NewRecorder(happenings.RecorderConfig{Log: l, Hears: true})
		runs(t, r, func(a happenings.Ask) { asked = append(asked, a) })
		line := func(seq uint64, change func(*happenings.Record)) string {
			rec := happenings.Record{Happening: now("a", int(seq))}
			rec.Seq = seq
			change(&rec)
			return string(happenings.Encode(rec))
		}
		lines := line(1, func(r *happenings.Record) { r.Instance = "b" }) +
			line(2, func(r *happenings.Record) { r.Kind = mgmt.HappenedRevision }) +
			line(3, func(r *happenings.Record) { r.Node = "../x" }) +
			line(4, func(r *happenings.Record) { r.Who, r.Operation, r.Revision = "root", 7, 8 }) +
			line(4, func(*happenings.Record) {}) + "nonsense\n" +
			line(6, func(r *happenings.Record) { r.Kind, r.Instance, r.Node = mgmt.HappenedLost, "", "" }) +
			line(9, func(*happenings.Record) {})
		r.Hear(happenings.Batch{Peer: "p", Log: agentLog, Last: 6, Lines: lines}) // nobody follows it
		synctest.Wait()
		r.Follow("p", "a")
		synctest.Wait()
		r.Hear(happenings.Batch{Peer: "p", Log: agentLog, Last: 7, Lines: strings.Repeat("x", happenings.MaxBatchBytes+1)})
		r.Hear(happenings.Batch{Peer: "p", Log: "../../x", Last: 7, Lines: lines})
		synctest.Wait()
		if l.Newest() != 0 {
			t.Errorf("%d records of an agent that was not asked, or that tells too much", l.Newest())
		}
		r.Hear(happenings.Batch{Peer: "p", Log: agentLog, Last: 7, Lines: lines})
		r.Hear(happenings.Batch{Peer: "p", Log: agentLog, Last: 8, Lines: lines}) // it was not asked again
		synctest.Wait()
		var got []string
		for _, rec := range read(t, l, happenings.Query{}) {
			got = append(got, fmt.Sprint(rec.LogSeq, rec.Kind, " ", rec.Instance, rec.Who, rec.Operation, rec.Revision))
		}
		if want := "3lost a0 0, 4node a0 0, 5lost a0 0, 6lost a0 0, 7lost a0 0"; strings.Join(got, ", ") != want {
			t.Errorf("the log has %s, want %s", strings.Join(got, ", "), want)
		}
		if len(asked) != 2 || asked[0].After != 0 || asked[1] != (happenings.Ask{Peer: "p", Instance: "a", Log: agentLog, After: 7}) {
			t.Errorf("asked: %+v", asked)
		}
	})
}

func TestAgentIsAskedAgainWhenTheLogCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		p := newPair(t, t.TempDir(), dir, happenings.RecorderConfig{})
		obstacle := dir + "/happenings-00000000000000000001.jsonl"
		if err := os.MkdirAll(obstacle+"/full", 0o700); err != nil {
			t.Fatal(err)
		}
		add(t, p.agent, records(0, 3)...)
		p.connect()
		time.Sleep(62 * time.Second) // between two attempts
		if p.ours.Newest() != 0 || p.asks.Load() < 3 || p.asks.Load() > 20 {
			t.Errorf("%d records, and %d questions within a minute", p.ours.Newest(), p.asks.Load())
		}
		if err := os.RemoveAll(obstacle); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := p.heard(); got != numbers(0, 3) {
			t.Errorf("heard %s", got)
		}
	})
}

func TestBatchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, t.TempDir(), t.TempDir(), happenings.RecorderConfig{})
		list := records(0, 300)
		for i := range list {
			list[i].Cause = strings.Repeat("\x01", 1024) // six bytes each in JSON
		}
		add(t, p.agent, list...)
		p.connect()
		synctest.Wait()
		if n := p.ours.Newest(); n != 300 || len(p.batches) < 2 {
			t.Errorf("%d records in %d batches", n, len(p.batches))
		}
		for _, b := range p.batches {
			if len(b.Lines) > happenings.MaxBatchBytes {
				t.Errorf("a batch has %d bytes", len(b.Lines))
			}
		}
	})
}

func TestCopiesThatAreRememberedAreBounded(t *testing.T) {
	dir := t.TempDir()
	l := open(t, happenings.Config{Dir: dir, Copies: 10})
	copyOf := func(instance mgmt.InstanceName, log int) happenings.Record {
		rec := happenings.Record{Happening: now(instance, 1), Log: fmt.Sprintf("%024x", log), LogSeq: 1}
		return rec
	}
	for i := range 20 {
		add(t, l, copyOf("a", i)) // it forgets the oldest of one instance
	}
	for i := range 5 {
		add(t, l, copyOf(mgmt.InstanceName(fmt.Sprint("b", i)), i))
	}
	for _, again := range []bool{false, true} {
		if again {
			l.Close()
			l = open(t, happenings.Config{Dir: dir, Copies: 10})
		}
		if l.Copied("a", fmt.Sprintf("%024x", 15)) != 0 || l.Copied("a", fmt.Sprintf("%024x", 16)) != 1 || l.Copied("b0", fmt.Sprintf("%024x", 0)) != 1 {
			t.Errorf("again %t: it remembers other copies", again)
		}
	}
	for i := range 10 {
		add(t, l, copyOf(mgmt.InstanceName(fmt.Sprint("c", i)), i))
	}
	if l.Copied("b4", fmt.Sprintf("%024x", 4)) != 0 || l.Copied("c0", fmt.Sprintf("%024x", 0)) != 1 {
		t.Error("it remembers more than ten copies")
	}
}
