package depot_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/depot"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func hashes(bundles ...mgmt.Bundle) []mgmt.BundleHash {
	var list []mgmt.BundleHash
	for _, b := range bundles {
		list = append(list, b.Hash)
	}
	return list
}

func TestWhatIsCollected(t *testing.T) {
	c := controller{}
	a, b := c.add(t, "a", mgmt.ScriptBundle, "a"), c.add(t, "b", mgmt.ScriptBundle, "b")
	data := c.add(t, "data", mgmt.DataBundle, "data")
	size := int64(len(c[a.Hash]))
	for name, tt := range map[string]struct {
		after time.Duration
		bytes int64
		use   []mgmt.Bundle
		needs depot.Needs
		want  []mgmt.BundleHash // in the order of their use
	}{
		"nothing is needed":               {2 * time.Hour, 0, nil, depot.Needs{KeptKnown: true}, hashes(a, b, data)},
		"it is held for an hour":          {time.Hour, 0, nil, depot.Needs{KeptKnown: true}, hashes(a)},
		"after a clock was set back":      {-time.Hour, 0, nil, depot.Needs{KeptKnown: true}, hashes(a, b, data)},
		"the configuration needs it":      {2 * time.Hour, 0, nil, depot.Needs{Desired: []mgmt.Bundle{b, data}, KeptKnown: true}, hashes(a)},
		"it is in use":                    {2 * time.Hour, 0, []mgmt.Bundle{a, data}, depot.Needs{KeptKnown: true}, hashes(b)},
		"a process needs scripts":         {2 * time.Hour, 0, nil, depot.Needs{Running: []mgmt.Bundle{a, data}, KeptKnown: true}, hashes(b, data)},
		"a revision needs it":             {2 * time.Hour, 0, nil, depot.Needs{Kept: hashes(a, b), KeptKnown: true}, hashes(data)},
		"nobody knows the revisions":      {2 * time.Hour, 0, nil, depot.Needs{}, nil},
		"beyond the bound":                {2 * time.Hour, 2*size - 1, nil, depot.Needs{Kept: hashes(a, b, data), KeptKnown: true}, hashes(a, b)},
		"at the bound":                    {2 * time.Hour, 2 * size, nil, depot.Needs{}, hashes(a)},
		"needed, though beyond a bound":   {2 * time.Hour, 1, nil, depot.Needs{Desired: []mgmt.Bundle{a, b, data}}, nil},
		"in use just now, beyond a bound": {time.Minute, 1, nil, depot.Needs{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			state := durabletest.Dir(t)
			d := open(t, depot.Config{State: state})
			for i, one := range []mgmt.Bundle{a, b, data} {
				fetch(t, d, c, one, start.Add(time.Duration(i)*time.Second))
			}
			d = open(t, depot.Config{State: state, Bytes: tt.bytes})
			if tt.use != nil {
				if err := d.Use(start, tt.use); err != nil {
					t.Fatal(err)
				}
			}
			got, err := d.Collect(start.Add(tt.after), tt.needs)
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
			for _, d := range []*depot.Depot{d, open(t, depot.Config{State: state})} {
				for _, hash := range tt.want {
					if d.Have(hash) {
						t.Errorf("%s is still there", hash)
					}
				}
				if len(d.List()) != 3-len(tt.want) {
					t.Errorf("there are %v", d.List())
				}
			}
			if left := files(t, state+"/bundles"); len(left) != 2*(3-len(tt.want)) {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// A deployment may need a bundle that is here, and that nothing needed before.
func TestABundleThatIsHeldStays(t *testing.T) {
	c := controller{}
	a, b := c.add(t, "a", mgmt.ScriptBundle, "a"), c.add(t, "b", mgmt.ScriptBundle, "b")
	later := start.Add(2 * time.Hour)
	var d *depot.Depot
	collecting := false
	d = open(t, depot.Config{Disk: durable.Disk{Before: func(operation, path string) error {
		if collecting && operation == "rename" && strings.HasSuffix(path, ".gone") && !d.Hold(later, b.Hash) {
			t.Error("it is not there")
		}
		return nil
	}}})
	fetch(t, d, c, a, start)
	fetch(t, d, c, b, start.Add(time.Second))
	// It is held while the other one is removed.
	collecting = true
	got, err := d.Collect(later, depot.Needs{KeptKnown: true})
	if diff := cmp.Diff(hashes(a), got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for now, want := range map[time.Duration]bool{time.Hour - 1: true, time.Hour: false} {
		d := open(t, depot.Config{})
		fetch(t, d, c, b, start)
		if !d.Hold(later, b.Hash) || d.Hold(later, a.Hash) {
			t.Error("what is there is not known")
		}
		if _, err := d.Collect(later.Add(now), depot.Needs{KeptKnown: true}); err != nil || d.Have(b.Hash) != want {
			t.Errorf("after %v: %v, %v", now, d.Have(b.Hash), err)
		}
	}
}

func TestPathsOfDataBundlesThatNobodyUsesAreRemoved(t *testing.T) {
	c := controller{}
	desired, running, unused := c.add(t, "desired", mgmt.DataBundle, "a"), c.add(t, "running", mgmt.DataBundle, "b"), c.add(t, "unused", mgmt.DataBundle, "c")
	state := durabletest.Dir(t)
	d := open(t, depot.Config{State: state})
	all := []mgmt.Bundle{desired, running, unused}
	for _, b := range all {
		fetch(t, d, c, b, start)
	}
	if err := d.Use(start, all); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"somebody's file": "own", "not a bundle's name": "Own"} {
		if err := os.MkdirAll(d.Data()+"/"+dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(d.Data()+"/"+dir+"/file", []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Collect(start, depot.Needs{Desired: []mgmt.Bundle{desired}, Running: []mgmt.Bundle{running}}); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"Own/file", "desired/current", "own/file", "running/current"}, files(t, d.Data())); diff != "" {
		t.Error(diff)
	}
}

func TestAbandonedArchivesAreRemoved(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, "text")
	state := durabletest.Dir(t)
	d := open(t, depot.Config{State: state})
	if err := d.Fetch(t.Context(), start, b, c.cut(100), nil); err == nil {
		t.Fatal("a cut line is no error")
	}
	for _, tt := range []struct {
		age  time.Duration
		want []string
	}{{23 * time.Hour, []string{"incoming/" + b.Hash.Digits()}}, {25 * time.Hour, nil}} {
		if _, err := d.Collect(time.Now().Add(tt.age), depot.Needs{}); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(tt.want, files(t, state+"/bundles")); diff != "" {
			t.Errorf("after %v: %s", tt.age, diff)
		}
	}
}

func TestTheBytesOfAllBundlesAreBounded(t *testing.T) {
	c := controller{}
	a, b := c.add(t, "a", mgmt.ScriptBundle, "a"), c.add(t, "b", mgmt.ScriptBundle, "b")
	size := int64(len(c[a.Hash]))
	later := start.Add(2 * time.Hour)

	d := open(t, depot.Config{Bytes: 3 * size})
	fetch(t, d, c, a, start)
	fetch(t, d, c, b, start) // its archive and its tree beside the other tree

	state := durabletest.Dir(t)
	d = open(t, depot.Config{State: state, Bytes: 3*size - 1})
	fetch(t, d, c, a, start)
	err := d.Fetch(t.Context(), later, b, c.open, nil)
	if _, ok := errors.AsType[*depot.LimitError](err); !ok || !strings.Contains(err.Error(), "may take") || d.Have(b.Hash) {
		t.Errorf("beyond the bound: %v", err)
	}
	// What is not known to be spare stays. Then it makes room.
	if _, err := d.Collect(start, depot.Needs{Kept: hashes(a), KeptKnown: true}); err != nil {
		t.Error(err)
	}
	if err := d.Use(start, []mgmt.Bundle{a}); err != nil {
		t.Fatal(err)
	}
	if err := d.Fetch(t.Context(), later, b, c.open, nil); err == nil || !d.Have(a.Hash) {
		t.Errorf("a bundle in use was removed: %v", err)
	}
	if err := d.Use(start, nil); err != nil {
		t.Fatal(err)
	}
	fetch(t, d, c, b, later)
	if d.Have(a.Hash) {
		t.Error("there are more bytes than there may be")
	}
}
