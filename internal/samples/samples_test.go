package samples_test

import (
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// sampleOf returns a sample of one worker and one interface.
func sampleOf(at time.Time, pid int, packets, dropped uint64) *mgmt.HostSample {
	return &mgmt.HostSample{
		Time:       at,
		Interfaces: []mgmt.InterfaceSample{{Name: "eth0", Packets: packets, Bytes: 100 * packets, Dropped: dropped}},
		Nodes: []mgmt.NodeSample{{Node: "w", PID: pid, Zeek: &mgmt.ZeekSample{
			Time: at, Received: packets, Dropped: dropped, Bytes: 100 * packets, Queued: 12, Dispatched: 10,
		}}},
	}
}

func TestRatesAreThoseBetweenTwoSamples(t *testing.T) {
	store := samples.New(samples.Config{})
	changed := store.Changed()
	store.Take(epoch, "a", sampleOf(epoch.Add(time.Second), 7, 1000, 0))
	select {
	case <-changed:
	default:
		t.Error("nobody was told of a sample")
	}
	one := store.Latest(epoch)
	if len(one) != 1 || one[0].Nodes[0].Known || one[0].Interfaces[0].Known || one[0].Skew != time.Second || one[0].Nodes[0].Waiting != 2 {
		t.Errorf("first sample: %+v", one)
	}
	store.Take(epoch.Add(5*time.Second), "a", sampleOf(epoch.Add(6*time.Second), 7, 1750, 250))
	two := store.Latest(epoch.Add(5 * time.Second))[0]
	if n := two.Nodes[0]; !n.Known || n.Packets != 150 || n.Bytes != 15000 || n.Dropped != 50 || n.DropShare != 0.25 {
		t.Errorf("node: %+v", n)
	}
	if i := two.Interfaces[0]; !i.Known || i.Packets != 150 || i.Dropped != 50 || i.DropShare != 0.25 {
		t.Errorf("interface: %+v", i)
	}
}

func TestNoRatesAcrossARestart(t *testing.T) {
	store := samples.New(samples.Config{})
	store.Take(epoch, "a", sampleOf(epoch, 7, 1000, 0))
	store.Take(epoch.Add(5*time.Second), "a", sampleOf(epoch.Add(5*time.Second), 8, 2000, 0))
	got := store.Latest(epoch.Add(5 * time.Second))[0]
	if got.Nodes[0].Known || !got.Interfaces[0].Known {
		t.Errorf("another process: %+v", got)
	}
	store.Take(epoch.Add(10*time.Second), "a", sampleOf(epoch.Add(10*time.Second), 8, 5, 0))
	if got := store.Latest(epoch.Add(10 * time.Second))[0]; got.Nodes[0].Known || got.Interfaces[0].Known {
		t.Errorf("counters that began anew: %+v", got)
	}
	store.Take(epoch.Add(15*time.Second), "a", sampleOf(epoch, 8, 50, 0))
	if got := store.Latest(epoch.Add(15 * time.Second))[0]; got.Nodes[0].Known || got.Interfaces[0].Known {
		t.Errorf("a clock that was set back: %+v", got)
	}
}

// What a node that hung has lost meanwhile is in the first rates after that.
func TestRatesGoOnAfterANodeHung(t *testing.T) {
	store := samples.New(samples.Config{})
	take := func(seconds int, pid int, packets, dropped uint64, tells bool) samples.NodeRates {
		at := epoch.Add(time.Duration(seconds) * time.Second)
		sample := sampleOf(at, pid, packets, dropped)
		if !tells {
			sample.Nodes[0].Zeek = nil
		}
		store.Take(at, "a", sample)
		return store.Latest(at)[0].Nodes[0]
	}
	take(0, 7, 1000, 0, true)
	if got := take(5, 7, 0, 0, false); got.Known {
		t.Errorf("a node that tells nothing has rates: %+v", got)
	}
	take(10, 7, 0, 0, false)
	if got := take(20, 7, 2000, 3000, true); !got.Known || got.Packets != 50 || got.Dropped != 150 || got.DropShare != 0.75 {
		t.Errorf("after it hung: %+v", got)
	}
	take(25, 8, 0, 0, false)
	if got := take(30, 7, 3000, 4000, true); got.Known {
		t.Errorf("another process was between: %+v", got)
	}
}

func TestSamplesAreBoundedAndGrowOld(t *testing.T) {
	store := samples.New(samples.Config{MaxHosts: 1, Fresh: 10 * time.Second})
	if !store.Take(epoch, "a", sampleOf(epoch, 7, 0, 0)) || store.Take(epoch, "b", sampleOf(epoch, 7, 0, 0)) {
		t.Error("the bound of hosts does not hold")
	}
	if got := store.Latest(epoch.Add(11 * time.Second)); len(got) != 0 {
		t.Errorf("an old sample is shown: %+v", got)
	}
	store.Keep(func(name mgmt.InstanceName) bool { return name != "a" })
	if !store.Take(epoch, "b", sampleOf(epoch, 7, 0, 0)) {
		t.Error("the place of a host that is gone is not free")
	}
}

func TestTheReasonWhySamplesAreMissing(t *testing.T) {
	store := samples.New(samples.Config{MaxHosts: 1})
	changed := store.Changed()
	store.Miss("a", "too old")
	select {
	case <-changed:
	default:
		t.Error("nobody was told of a reason")
	}
	store.Miss("a", "older still")
	store.Miss("b", "beyond the bound")
	if store.Missing("a") != "older still" || store.Missing("b") != "" {
		t.Errorf("got %q, %q", store.Missing("a"), store.Missing("b"))
	}
	store.Take(epoch, "a", sampleOf(epoch, 7, 0, 0))
	if why := store.Missing("a"); why != "" {
		t.Errorf("a sample came, and there is still a reason: %s", why)
	}
	store.Miss("a", "gone")
	store.Keep(func(mgmt.InstanceName) bool { return false })
	if why := store.Missing("a"); why != "" {
		t.Errorf("the instance is forgotten, and there is still a reason: %s", why)
	}
}

func TestSinceReturnsTheHostsThatWereHeardAfterANumber(t *testing.T) {
	store := samples.New(samples.Config{})
	for _, host := range []mgmt.InstanceName{"c", "a", "b"} {
		store.Take(epoch, host, sampleOf(epoch, 7, 1, 0))
	}
	list, newest := store.Since(0, epoch)
	if len(list) != 3 || list[0].Instance != "a" || newest != 3 {
		t.Fatalf("at first: %d hosts up to %d", len(list), newest)
	}
	if list, again := store.Since(newest, epoch); len(list) != 0 || again != newest {
		t.Errorf("nothing came, and there are %d hosts up to %d", len(list), again)
	}
	store.Take(epoch.Add(time.Second), "b", sampleOf(epoch, 7, 2, 0))
	if list, again := store.Since(newest, epoch.Add(time.Second)); len(list) != 1 || list[0].Instance != "b" || again != 4 {
		t.Errorf("one came, and there are %+v up to %d", list, again)
	}
	if list, _ := store.Since(newest, epoch.Add(time.Minute)); len(list) != 0 {
		t.Errorf("a sample that is old is there: %+v", list)
	}
}
