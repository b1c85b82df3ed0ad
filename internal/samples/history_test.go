package samples_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

// sensor is a host whose figures are those of a sensor in use: traffic rises and falls in a
// day, and every figure is noisy.
type sensor struct {
	rng    *rand.Rand
	at     time.Time
	sample mgmt.HostSample
	peers  int
}

func newSensor(seed uint64, nodes, interfaces, peers int) *sensor {
	s := &sensor{rng: rand.New(rand.NewPCG(seed, 1)), at: epoch, peers: peers}
	for i := range nodes {
		s.sample.Nodes = append(s.sample.Nodes, mgmt.NodeSample{
			Node: mgmt.NodeName(fmt.Sprintf("worker-%d", i)), PID: 100 + i, Memory: 800 << 20, Threads: 9, Files: 40, Zeek: &mgmt.ZeekSample{},
		})
	}
	for i := range interfaces {
		s.sample.Interfaces = append(s.sample.Interfaces, mgmt.InterfaceSample{Name: fmt.Sprintf("eth%d", i), Up: true, Link: true})
	}
	return s
}

// noisy returns v with noise of about a tenth.
func (s *sensor) noisy(v float64) float64 { return max(0, v*(1+s.rng.NormFloat64()/10)) }

// next returns the sample after another interval.
func (s *sensor) next() *mgmt.HostSample {
	s.at = s.at.Add(mgmt.SampleInterval + time.Duration(s.rng.NormFloat64()*float64(20*time.Millisecond)))
	day := 1 + 0.8*math.Sin(float64(s.at.Unix())/86400*2*math.Pi)
	one := s.sample
	one.Time, one.CPUs, one.Busy = s.at, 32, s.noisy(10*day)
	one.Memory = mgmt.Memory{Total: 128 << 30, Available: uint64(s.noisy(64 << 30))}
	one.Interfaces = append([]mgmt.InterfaceSample(nil), one.Interfaces...)
	for i := range one.Interfaces {
		x := &one.Interfaces[i]
		packets := s.noisy(5 * 400_000 * day)
		x.Packets += uint64(packets)
		x.Bytes += uint64(s.noisy(700) * packets)
		if s.rng.IntN(20) == 0 {
			x.Dropped += uint64(packets / 1000)
		}
	}
	one.Nodes = append([]mgmt.NodeSample(nil), one.Nodes...)
	for i := range one.Nodes {
		n := &one.Nodes[i]
		n.CPU = s.noisy(0.6 * day)
		n.Memory = uint64(max(0, float64(n.Memory)+s.rng.NormFloat64()*float64(1<<18)))
		z := *n.Zeek
		packets := s.noisy(5 * 80_000 * day)
		z.Time = s.at
		z.Received += uint64(packets)
		z.Bytes += uint64(s.noisy(700) * packets)
		if s.rng.IntN(20) == 0 {
			z.Dropped += uint64(packets / 500)
		}
		z.Dispatched += uint64(s.noisy(5 * 3000 * day))
		z.Queued = z.Dispatched + uint64(s.rng.IntN(20))
		lag := s.noisy(0.01 * day)
		z.Lag = &lag
		n.Zeek = &z
		n.Peers = nil
		for p := range s.peers {
			n.Peers = append(n.Peers, mgmt.PeerSample{Peer: fmt.Sprintf("proxy-%d", p), Addr: "192.0.2.1:27761", Kind: "broker", Queued: 3, Limit: 8192})
		}
	}
	s.sample = one
	return &one
}

func TestHistoryFollowsWhatWasMeasured(t *testing.T) {
	store, s := samples.New(samples.Config{}), newSensor(1, 2, 1, 0)
	var cpu []float64
	for range 720 {
		sample := s.next()
		cpu = append(cpu, sample.Nodes[1].CPU)
		store.Take(s.at, "a", sample)
	}
	got, err := store.History(s.at, samples.Query{Instance: "a", Node: "worker-1", From: epoch.Add(5 * time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	known, off := 0, 0.0
	for _, v := range got[0].Points {
		if !math.IsNaN(v) {
			off = max(off, math.Abs(v-cpu[known])/(cpu[known]+0.06))
			known++
		}
	}
	if known < 718 || known > 720 || off > 0.017 {
		t.Errorf("%d of 720 points are known, and the worst is off by %.1f %%", known, 100*off)
	}
	for _, series := range got {
		if math.IsNaN(series.Points[len(series.Points)/2]) {
			t.Errorf("%s has no points", series.Figure)
		}
	}
	host, err := store.History(s.at, samples.Query{Instance: "a"})
	if err != nil || math.IsNaN(host[0].Points[300]) || host[1].Points[300] < 1<<30 {
		t.Errorf("the host: %v, %v", host[0].Points[300], err)
	}
}

func TestMinutesAreMeans(t *testing.T) {
	store := samples.New(samples.Config{})
	at := epoch.Add(time.Minute)
	for i := range 5 * 12 {
		sample := sampleOf(at, 7, uint64(1000*i), uint64(250*i))
		sample.Nodes[0].CPU = float64(i % 2)
		store.Take(at, "a", sample)
		at = at.Add(5 * time.Second)
	}
	got, err := store.History(at, samples.Query{
		Instance: "a", Node: "w", From: epoch.Add(-2 * time.Hour), To: at,
		Figures: []samples.Figure{samples.CPU, samples.DropShare, samples.Packets, samples.Lag},
	})
	if err != nil {
		t.Fatal(err)
	}
	zero := int(epoch.Add(time.Minute).Sub(got[0].Start) / time.Minute)
	for i, want := range []float64{0.5, 0.2, 200} {
		if v := got[i].Points[zero+2]; math.Abs(v-want) > want/50 {
			t.Errorf("%s is %v, want %v", got[i].Figure, v, want)
		}
	}
	if !math.IsNaN(got[0].Points[zero-1]) || !math.IsNaN(got[3].Points[zero+2]) {
		t.Error("points are known that nobody has measured")
	}
}

func TestGapsStayGaps(t *testing.T) {
	store := samples.New(samples.Config{})
	take := func(at time.Time) { store.Take(at, "a", sampleOf(at, 7, 0, 0)) }
	for _, seconds := range []int{5, 10, 30, 35, 60} {
		take(epoch.Add(time.Duration(seconds) * time.Second))
	}
	got, err := store.History(epoch.Add(65*time.Second), samples.Query{Instance: "a", Node: "w", From: epoch, Figures: []samples.Figure{samples.CPU}})
	if err != nil {
		t.Fatal(err)
	}
	var known strings.Builder
	for _, v := range got[0].Points {
		known.WriteString(map[bool]string{true: ".", false: "x"}[math.IsNaN(v)])
	}
	if known.String() != ".xx...xx....x" {
		t.Errorf("got %s", known.String())
	}
}

// A sample that is a little early or late leaves no gap.
func TestSamplesThatAreLateLeaveNoGap(t *testing.T) {
	store := samples.New(samples.Config{})
	for i := range 100 {
		at := epoch.Add(time.Duration(i)*5*time.Second + time.Duration(i%3-1)*time.Second)
		store.Take(at, "a", sampleOf(at, 7, 0, 0))
	}
	got, err := store.History(epoch.Add(500*time.Second), samples.Query{Instance: "a", From: epoch, Figures: []samples.Figure{samples.Busy}})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got[0].Points[:99] {
		if math.IsNaN(v) {
			t.Errorf("there is a gap at %d", i)
		}
	}
}

func TestOddFiguresAreKept(t *testing.T) {
	store := samples.New(samples.Config{})
	figures := []float64{0, -1, math.Inf(1), 1e300, 1, 0, 0.001, 1e18}
	for i, v := range figures {
		at := epoch.Add(time.Duration(i) * 5 * time.Second)
		sample := sampleOf(at, 7, uint64(i)<<60, 0)
		sample.Nodes[0].CPU, sample.Busy = v, v
		store.Take(at, "a", sample)
	}
	got, err := store.History(epoch.Add(40*time.Second), samples.Query{Instance: "a", Node: "w", From: epoch, Figures: []samples.Figure{samples.CPU}})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got[0].Points {
		if v < 0 || math.IsNaN(v) || figures[i] == 1 && math.Abs(v-1) > 0.02 || figures[i] == 0 && v != 0 {
			t.Errorf("%v is kept as %v", figures[i], v)
		}
	}
}

// heap returns what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A day of a sensor with twenty nodes and four interfaces, five of which are 100 nodes.
func TestADayOfAHundredNodesFitsIntoAMegabyte(t *testing.T) {
	s := newSensor(3, 20, 4, 4)
	before := heap()
	store := samples.New(samples.Config{})
	for range 25 * 720 {
		store.Take(s.at, "a", s.next())
	}
	used := 5 * (heap() - before)
	t.Logf("100 nodes and 20 interfaces on 5 hosts: %d bytes", used)
	if used > 1<<20 {
		t.Errorf("%d bytes are more than a megabyte", used)
	}
	got, err := store.History(s.at, samples.Query{Instance: "a", Node: "worker-0", From: s.at.Add(-24 * time.Hour), Figures: []samples.Figure{samples.Packets}})
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, v := range got[0].Points {
		if !math.IsNaN(v) {
			known++
		}
	}
	t.Logf("%d minutes of a day are known", known)
	if known < 1430 {
		t.Errorf("%d minutes of a day are known", known)
	}
	runtime.KeepAlive(store)
}

func TestHistoryIsBounded(t *testing.T) {
	store := samples.New(samples.Config{HistoryBytes: 2048, PerHost: 4, MaxHistories: 5})
	s := newSensor(4, 2, 1, 0)
	for range 3 * 720 {
		store.Take(s.at, "a", s.next())
	}
	points := func(q samples.Query) (known int) {
		t.Helper()
		got, err := store.History(s.at, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range got[0].Points {
			if !math.IsNaN(v) {
				known++
			}
		}
		return known
	}
	if n := points(samples.Query{Instance: "a", Node: "worker-0"}); n < 100 || n > 700 {
		t.Errorf("%d points of the last hour are left", n)
	}
	more := sampleOf(s.at, 7, 0, 0)
	store.Take(s.at, "a", more)
	store.Take(s.at, "b", more)
	if points(samples.Query{Instance: "a", Node: "w"}) != 0 || points(samples.Query{Instance: "b"}) == 0 || points(samples.Query{Instance: "b", Node: "w"}) != 0 {
		t.Error("the bounds of things do not hold")
	}
	s.at = s.at.Add(2 * time.Minute)
	store.Take(s.at, "a", sampleOf(s.at, 7, 0, 0))
	if points(samples.Query{Instance: "a", Node: "w"}) == 0 {
		t.Error("a node that is gone keeps its place")
	}
}

func TestAClockThatIsSetBackBeginsTheHistoryAnew(t *testing.T) {
	store := samples.New(samples.Config{})
	store.Take(epoch, "a", sampleOf(epoch, 7, 0, 0))
	earlier := epoch.Add(-time.Hour)
	store.Take(earlier, "a", sampleOf(earlier, 7, 0, 0))
	got, err := store.History(epoch.Add(time.Second), samples.Query{Instance: "a", From: earlier.Add(-time.Second), Figures: []samples.Figure{samples.Busy}})
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, v := range got[0].Points {
		if !math.IsNaN(v) {
			known++
		}
	}
	if known != 1 {
		t.Errorf("%d points are known, want 1", known)
	}
}
