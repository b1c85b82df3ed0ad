package happenings_test

import (
	"slices"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// several opens a log of several segments, of which one Search reads one. A record near the
// beginning, one in the middle and one near the end are of the node "rare". It returns their
// numbers.
func several(t *testing.T) (*happenings.Log, []uint64) {
	t.Helper()
	l := open(t, happenings.Config{Dir: t.TempDir(), Recent: 10, SearchSegments: 1})
	list := records(0, 20_000)
	rare := []uint64{3, 10_000, 19_900}
	for _, seq := range rare {
		list[seq-1].Node = "rare"
	}
	for part := range slices.Chunk(list, 1000) {
		add(t, l, part...)
	}
	return l, rare
}

func TestSearchDoesLimitedWorkAndSaysHowToGoOn(t *testing.T) {
	l, rare := several(t)
	for _, latest := range []bool{false, true} {
		for _, node := range []mgmt.NodeName{"rare", "nobody"} {
			q := happenings.Query{Node: node, Limit: 100, Latest: latest}
			var got []uint64
			searches := 0
			for rest := uint64(1); rest > 0; searches++ {
				list, next, err := l.Search(q)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range list {
					got = append(got, r.Seq)
				}
				if rest = next; latest {
					q.Before = rest
				} else {
					q.After = rest
				}
			}
			slices.Sort(got)
			want := rare
			if node == "nobody" {
				want = nil
			}
			if !slices.Equal(got, want) || searches < 3 {
				t.Errorf("latest %t: %d searches for %s find %v, want %v", latest, searches, node, got, want)
			}
			if all := read(t, l, happenings.Query{Node: node, Latest: latest}); len(all) != len(want) {
				t.Errorf("latest %t: Read finds %d records of %s, want %d", latest, len(all), node, len(want))
			}
		}
	}
}

func TestSearchEndsAtTheLimit(t *testing.T) {
	l, rare := several(t)
	list, rest, err := l.Search(happenings.Query{Limit: 2})
	if err != nil || seqs(list) != "1 2" || rest != 2 {
		t.Errorf("the oldest two: got %s, go on after %d, %v", seqs(list), rest, err)
	}
	list, rest, err = l.Search(happenings.Query{Limit: 2, Before: 1001, Latest: true})
	if err != nil || seqs(list) != "999 1000" || rest != 0 {
		t.Errorf("the latest two before one: got %s, go on before %d, %v", seqs(list), rest, err)
	}
	found := read(t, l, happenings.Query{Node: "rare", Limit: 2, Latest: true})
	if len(found) != 2 || found[0].Seq != rare[1] || found[1].Seq != rare[2] {
		t.Errorf("the latest two of a node: got %s", seqs(found))
	}
}
