package happenings

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/journal"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Ask asks the agent that is Peer for the records of its log after the one with number After.
// It also says that the controller's log has all records up to After. Log is the identity of
// the agent's log as the controller knows it. It may be empty.
type Ask struct {
	Peer     mgmt.PeerID
	Instance mgmt.InstanceName
	Log      string
	After    uint64
}

// Batch is the answer to an Ask: the records of a log after After, up to Last. A record that
// is not among the lines is lost. Peer is who has asked, or who tells.
type Batch struct {
	Peer  mgmt.PeerID
	Log   string
	Last  uint64
	Lines string
}

// The bounds of a Batch. A line that would make it larger is in the next one. It is shorter
// than a message that takes turns at its receiver (bus).
const (
	MaxBatchBytes   = 30 << 10
	maxBatchRecords = 200
)

// Follow asks the agent of an instance to tell what happens, from now on and from the time
// when it was not connected.
func (r *Recorder) Follow(peer mgmt.PeerID, instance mgmt.InstanceName) {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.peers[peer] = &heard{instance: instance, next: time.Now()}
	r.mu.Unlock()
	r.poke()
}

// Unfollow forgets an agent whose connection has ended.
func (r *Recorder) Unfollow(peer mgmt.PeerID) {
	if r == nil {
		return
	}
	r.mu.Lock()
	delete(r.peers, peer)
	r.mu.Unlock()
}

// Hear takes what an agent tells. It waits for nobody. It ignores an agent that was not
// asked, or that tells more than it was asked for.
func (r *Recorder) Hear(b Batch) {
	if r == nil {
		return
	}
	r.mu.Lock()
	if h := r.peers[b.Peer]; h != nil && h.told == nil && h.next.IsZero() && len(b.Lines) <= MaxBatchBytes && checkLog(b.Log) == nil {
		h.told = &b
	}
	r.mu.Unlock()
	r.poke()
}

// writeTold writes what agents have told, and says when each is asked for more.
func (r *Recorder) writeTold() {
	var list []Record
	told := r.takeTold()
	for i := range told {
		of := readBatch(told[i].instance, *told[i].told)
		r.explain(told[i].heard, of)
		told[i].records = max(len(of), 1)
		list = append(list, of...)
	}
	if len(told) == 0 {
		return
	}
	err := r.cfg.Log.Append(r.heardNow(list))
	r.wrote(err)
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range told {
		wait := r.cfg.RetryDelay
		if err == nil {
			wait = r.budget(t.instance).owe(now, t.records)
		}
		if h := r.peers[t.told.Peer]; h == t.heard {
			h.log, h.told, h.next = t.told.Log, nil, now.Add(wait)
		}
	}
}

// telling is what one agent has told.
type telling struct {
	*heard
	records int
}

// takeTold returns what agents have told, by the names of the instances.
func (r *Recorder) takeTold() (list []telling) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.peers {
		if h.told != nil {
			list = append(list, telling{heard: h})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].instance < list[j].instance })
	return list
}

// due returns whom to ask for more now.
func (r *Recorder) due() (asks []Ask) {
	now := time.Now()
	r.mu.Lock()
	for peer, h := range r.peers {
		if h.told == nil && !h.next.IsZero() && !now.Before(h.next) {
			h.next = time.Time{}
			asks = append(asks, Ask{Peer: peer, Instance: h.instance, Log: h.log})
		}
	}
	r.mu.Unlock()
	for i := range asks {
		if a := &asks[i]; a.Log == "" {
			a.Log, a.After = r.cfg.Log.CopiedLast(a.Instance)
		} else {
			a.After = r.cfg.Log.Copied(a.Instance, a.Log)
		}
	}
	return asks
}

// untilNext returns the time until an agent is asked. Without one it is an hour.
func (r *Recorder) untilNext() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := time.Hour
	for _, h := range r.peers {
		if !h.next.IsZero() {
			next = min(next, time.Until(h.next))
		}
	}
	return next
}

// readBatch returns the records of a batch that an instance's agent may tell. Where it may
// not, or where a line cannot be read, records are missing, and Append says so.
func readBatch(instance mgmt.InstanceName, b Batch) (list []Record) {
	var last uint64
	for line := range journal.WholeLines([]byte(b.Lines)) {
		h, object, err := readHead(line)
		if err != nil || h.Seq <= last || h.Seq > b.Last || len(list) == maxBatchRecords {
			continue
		}
		rec, err := decode(h, object)
		if err != nil || agentMay(instance, rec) != nil {
			continue
		}
		rec.Instance, rec.Log, rec.LogSeq = instance, b.Log, h.Seq
		rec.Operation, rec.Revision, rec.Who = 0, 0, "" // the controller's to say
		list = append(list, rec)
		last = h.Seq
	}
	if last < b.Last {
		list = append(list, Record{Log: b.Log, LogSeq: b.Last, Happening: mgmt.Happening{
			Kind: mgmt.HappenedLost, Instance: instance, Time: time.Now(), Cause: "happenings of this instance are missing: what its agent tells cannot be read",
		}})
	}
	return list
}

// agentMay returns why the agent of an instance may not tell a record.
func agentMay(instance mgmt.InstanceName, r Record) error {
	switch {
	case r.Instance != instance && (r.Instance != "" || r.Kind != mgmt.HappenedLost):
		return fmt.Errorf("it is about instance %q", r.Instance)
	case r.Kind != mgmt.HappenedNode && r.Kind != mgmt.HappenedLost:
		return errors.New("it is of a kind that agents do not tell")
	case r.Kind == mgmt.HappenedNode || r.Node != "":
		return mgmt.CheckName(string(r.Node))
	}
	return nil
}
