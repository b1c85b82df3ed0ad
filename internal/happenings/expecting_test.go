package happenings_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An agent does not know of operations. What it tells late, or by a clock that is wrong, gets
// none, and no operation counts twice.
func TestChangesAreToldWithTheOperationsBehindThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, t.TempDir(), t.TempDir(), happenings.RecorderConfig{})
		p.connect()
		synctest.Wait()
		at := func(h mgmt.Happening, op mgmt.OperationID) mgmt.Happening {
			h.Time, h.Operation, h.Who = time.Now(), op, fmt.Sprint("user ", op)
			return h
		}
		stops := mgmt.Happening{Kind: mgmt.HappenedNode, Instance: "sensor-1", Node: "worker-1", From: "RUNNING", To: "STOPPED", Cause: "stopped by a user"}
		starts := stops
		starts.From, starts.To, starts.Cause = "STOPPED", "PENDING", "started by a user"

		p.hearing.Expect("somebody else", at(stops, 9))
		p.hearing.Expect(p.link, at(stops, 1))
		p.hearing.Expect(p.link, at(starts, 2))
		p.hearing.Expect(p.link, at(stops, 3))
		late := at(starts, 0)
		late.Time = late.Time.Add(-11 * time.Second)
		for _, h := range []mgmt.Happening{late, at(stops, 7), at(starts, 7), at(stops, 7), at(stops, 7)} {
			add(t, p.agent, happenings.Record{Happening: h})
		}
		synctest.Wait()
		p.hearing.Expect(p.link, at(starts, 4))
		time.Sleep(11 * time.Second)
		add(t, p.agent, happenings.Record{Happening: at(starts, 7)})
		synctest.Wait()
		var got []string
		for _, r := range read(t, p.ours, happenings.Query{}) {
			got = append(got, fmt.Sprintf("%s %d %s", r.To, r.Operation, r.Who))
		}
		want := "PENDING 0 |STOPPED 1 user 1|PENDING 2 user 2|STOPPED 3 user 3|STOPPED 0 |PENDING 0 "
		if strings.Join(got, "|") != want {
			t.Errorf("got %q, want %q", strings.Join(got, "|"), want)
		}
	})
}

// An agent that says that nodes change, and never tells it, takes bounded memory: what is
// expected for long makes room.
func TestWhatIsExpectedIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, t.TempDir(), t.TempDir(), happenings.RecorderConfig{})
		p.connect()
		synctest.Wait()
		h := mgmt.Happening{Kind: mgmt.HappenedNode, Instance: "sensor-1", From: "RUNNING", To: "STOPPED", Operation: 1}
		expect := func(node string) {
			h.Node, h.Time = mgmt.NodeName(node), time.Now()
			p.hearing.Expect(p.link, h)
		}
		for i := range happenings.MaxExpected {
			expect(fmt.Sprint("worker-", i))
		}
		expect("no-room")
		told := func(node string) mgmt.OperationID {
			h.Node, h.Time = mgmt.NodeName(node), time.Now()
			add(t, p.agent, happenings.Record{Happening: h})
			synctest.Wait()
			time.Sleep(time.Second)
			list := read(t, p.ours, happenings.Query{})
			return list[len(list)-1].Operation
		}
		if first, beyond := told("worker-0"), told("no-room"); first != 1 || beyond != 0 {
			t.Errorf("got %d and %d", first, beyond)
		}
		expect("fits")
		time.Sleep(11 * time.Second)
		expect("room-again")
		if got := told("room-again"); got != 1 {
			t.Errorf("got %d", got)
		}
	})
}
