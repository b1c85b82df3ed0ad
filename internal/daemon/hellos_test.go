package daemon_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// greeter is a peer of this host whose socket a process has.
func greeter(id string) bus.Peer {
	return bus.Peer{
		ID: id, Kind: bus.Native, Addr: netip.MustParseAddrPort("127.0.0.1:40000"),
		Caller: bus.Caller{Local: true, Known: true, Trusted: true, Inode: 7},
	}
}

// holding says that one process has every socket.
func holding(pid int) daemon.Callers {
	return daemon.Callers{Holders: func(uint64) []sockowner.Process { return []sockowner.Process{{PID: pid, Name: "zeek"}} }}
}

func TestHellosBeforeThereIsAProcessWaitOncePerPeerThatIsThere(t *testing.T) {
	const pid = 4711
	g := daemon.NewGreeted(t.Context(), holding(pid), servingNodes{})
	for _, id := range []string{"one", "two", "one", "one", "gone"} {
		if told := g.Hello(greeter(id), "starting"); told != nil {
			t.Fatalf("the core was told %v of %s before there was a process", told, id)
		}
	}
	g.Lost(greeter("gone"))
	told := map[mgmt.PeerID]agent.Proof{}
	events := g.Born(t.Context(), pid)
	for _, ev := range events {
		hello := ev.(agent.FromNode)
		told[hello.Peer] = hello.Proof
	}
	want := map[mgmt.PeerID]agent.Proof{"one": {Is: true}, "two": {Is: true}}
	if len(events) != 2 || fmt.Sprint(told) != fmt.Sprint(want) {
		t.Errorf("the core was told %v, want %v", events, want)
	}
	if g.Hello(greeter("two"), "starting") == nil {
		t.Error("a hello waits although there is a process")
	}
}

// The PID of a process that cannot be seen never becomes known.
func TestHelloOfANodeThatCannotBeSeenDoesNotWait(t *testing.T) {
	g := daemon.NewGreeted(t.Context(), holding(4711), servingNodes{})
	told, ok := g.Hello(greeter("one"), "unseen").(agent.FromNode)
	if !ok || told.Proof != (agent.Proof{}) {
		t.Errorf("the core was told %v, want a hello of which nobody can tell whose it is", told)
	}
}
