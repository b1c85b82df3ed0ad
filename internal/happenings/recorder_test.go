package happenings_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// now is a happening of an instance, now.
func now(instance mgmt.InstanceName, i int) mgmt.Happening {
	return mgmt.Happening{Time: time.Now(), Kind: mgmt.HappenedNode, Instance: instance, Node: "worker-1", Cause: fmt.Sprint(i)}
}

// runs runs a recorder until the test ends, or until the function that it returns is called.
func runs(t *testing.T, r *happenings.Recorder, ask func(happenings.Ask)) (stop func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	enough := errors.New("enough")
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.Run(ctx, ask); !errors.Is(err, enough) {
			t.Errorf("the recorder ends with %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(enough); running.Wait() })
	t.Cleanup(stop)
	return stop
}

func nobody(happenings.Ask) {}

func TestWhatIsRecordedIsWrittenAndHeardNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, happenings.Config{Dir: t.TempDir()})
		r := happenings.NewRecorder(happenings.RecorderConfig{Log: l, Hears: true})
		early, late := now("a", 1), now("a", 2)
		early.Time, late.Time = early.Time.Add(-time.Hour), late.Time.Add(time.Hour)
		r.Record(early)
		r.Record(late)
		stop := runs(t, r, nobody) // it writes both at once, and not the second one after a pause
		synctest.Wait()
		list := read(t, l, happenings.Query{})
		if len(list) != 2 || !list[0].Heard.Equal(time.Now()) || !list[0].Time.Equal(early.Time) || !list[1].Time.Equal(time.Now()) {
			t.Errorf("now is %v, and the log has %+v", time.Now(), list)
		}
		r.Record(now("a", 3))
		stop()
		if n := len(read(t, l, happenings.Query{})); n != 3 {
			t.Errorf("%d records at the end", n)
		}
	})
}

func TestFullQueueLosesHappeningsAndSaysHowMany(t *testing.T) {
	l := open(t, happenings.Config{Dir: t.TempDir()})
	r := happenings.NewRecorder(happenings.RecorderConfig{Log: l, Queue: 3})
	for i := range 10 {
		r.Record(now("a", i))
	}
	runs(t, r, nobody)()
	list := read(t, l, happenings.Query{})
	if len(list) != 4 || list[3].Kind != mgmt.HappenedLost || list[3].Instance != "a" || !strings.HasPrefix(list[3].Cause, "7 happenings are missing here") {
		t.Errorf("the log has %+v", list)
	}
}

func TestInstanceWhereMuchHappensLeavesRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, happenings.Config{Dir: t.TempDir()})
		r := happenings.NewRecorder(happenings.RecorderConfig{Log: l, Hears: true, Burst: 5, PerSecond: 1})
		runs(t, r, nobody)
		for i := range 10 {
			r.Record(now("a", i))
		}
		r.Record(now("b", 0))
		r.Record(mgmt.Happening{Time: time.Now(), Kind: mgmt.HappenedController})
		time.Sleep(10 * time.Millisecond) // it is written in batches
		synctest.Wait()
		count := map[mgmt.InstanceName]int{}
		missing := 0
		for _, rec := range read(t, l, happenings.Query{}) {
			if rec.Kind == mgmt.HappenedLost { // perhaps in parts: the log may be written meanwhile
				n := 0
				if _, err := fmt.Sscanf(rec.Cause, "%d happenings are missing here: too much", &n); err != nil || rec.Instance != "a" {
					t.Errorf("%s: %s: %v", rec.Instance, rec.Cause, err)
				}
				missing += n
				continue
			}
			count[rec.Instance]++
		}
		if count["a"] != 5 || count["b"] != 1 || count[""] != 1 || missing != 5 {
			t.Errorf("recorded: %v, missing: %d", count, missing)
		}
		time.Sleep(2 * time.Second)
		for i := range 5 {
			r.Record(now("a", i))
		}
		time.Sleep(10 * time.Millisecond) // it is written in batches
		synctest.Wait()
		if n := len(read(t, l, happenings.Query{Instance: "a", Kind: mgmt.HappenedNode})); n != 7 {
			t.Errorf("%d records of the instance after two seconds, want 7", n)
		}
	})
}

func TestLogThatCannotBeWrittenIsSaidOnceAndInTheLogLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		l := open(t, happenings.Config{Dir: dir})
		var said strings.Builder
		r := happenings.NewRecorder(happenings.RecorderConfig{Log: l, Logger: logTo(&said)})
		runs(t, r, nobody)
		obstacle := filepath.Join(dir, "happenings-00000000000000000001.jsonl")
		if err := os.MkdirAll(filepath.Join(obstacle, "full"), 0o700); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			r.Record(now("a", i))
			synctest.Wait()
		}
		if r.Err() == nil || strings.Count(said.String(), "not written down") != 1 {
			t.Errorf("the error is %v, and it said:\n%s", r.Err(), said.String())
		}
		if err := os.RemoveAll(obstacle); err != nil {
			t.Fatal(err)
		}
		r.Record(now("a", 3))
		synctest.Wait()
		list := read(t, l, happenings.Query{})
		if len(list) != 2 || list[0].Cause != "3" || !strings.HasPrefix(list[1].Cause, "3 happenings are missing here: the log could not") {
			t.Errorf("the log has %+v", list)
		}
		if r.Err() != nil || !strings.Contains(said.String(), "written down again") {
			t.Errorf("the error is %v, and it said:\n%s", r.Err(), said.String())
		}
	})
}

func TestNoRecorderRecordsNothing(t *testing.T) {
	var r *happenings.Recorder
	r.Record(now("a", 1))
	r.Follow("p", "a")
	r.Hear(happenings.Batch{Peer: "p"})
	r.Unfollow("p")
	if r.Err() != nil || r.Log() != nil {
		t.Error("it has a log")
	}
	var teller *happenings.Teller
	teller.Ask(happenings.Ask{})
	teller.Forget("p")
}
