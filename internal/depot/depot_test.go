package depot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/depot"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/durable/durabletest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// controller has archives.
type controller map[mgmt.BundleHash][]byte

// add packs a tree that has a file with the text, and a program and a link.
func (c controller) add(t testing.TB, name string, kind mgmt.BundleKind, text string) mgmt.Bundle {
	t.Helper()
	var b bytes.Buffer
	contents, err := bundle.Config{}.Pack(&b, []bundle.File{
		{Path: "lib/file", Mode: bundle.Plain, Size: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }},
		{Path: "lib/program", Mode: bundle.Executable, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("")), nil }},
		{Path: "main.zeek", Mode: bundle.Link, Target: "lib/file"},
	})
	if err != nil {
		t.Fatal(err)
	}
	c[contents.Hash] = b.Bytes()
	return mgmt.Bundle{Name: name, Kind: kind, Hash: contents.Hash}
}

// open is a Source.
func (c controller) open(_ context.Context, hash mgmt.BundleHash, offset int64) (io.ReadCloser, int64, error) {
	text, ok := c[hash]
	if !ok {
		return nil, 0, errors.New("the controller does not have it")
	}
	return io.NopCloser(bytes.NewReader(text[offset:])), int64(len(text)), nil
}

// cut is a Source whose line is cut after n bytes.
func (c controller) cut(n int) depot.Source {
	return func(ctx context.Context, hash mgmt.BundleHash, offset int64) (io.ReadCloser, int64, error) {
		r, size, err := c.open(ctx, hash, offset)
		return io.NopCloser(io.MultiReader(io.LimitReader(r, int64(n)), iotest.ErrReader(errors.New("the line is cut")))), size, err
	}
}

func open(t testing.TB, cfg depot.Config) *depot.Depot {
	t.Helper()
	d, err := tryOpen(t, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// lives are the Depots that are open, by their state directories. A process that ends
// releases its lock.
var lives sync.Map

// tryOpen opens the bundles in another life of the agent, if there was one.
func tryOpen(t testing.TB, cfg depot.Config) (*depot.Depot, error) {
	if cfg.State == "" {
		cfg.State = durabletest.Dir(t)
	}
	cfg.Logger = slog.New(slog.DiscardHandler)
	if before, ok := lives.LoadAndDelete(cfg.State); ok {
		before.(*depot.Depot).Close()
	}
	d, err := depot.Open(cfg)
	if err == nil {
		lives.Store(cfg.State, d)
		t.Cleanup(func() {
			if lives.CompareAndDelete(cfg.State, d) {
				d.Close()
			}
		})
	}
	return d, err
}

// Two agents of one host must not take care of the same bundles.
func TestBundlesBelongToOneProcess(t *testing.T) {
	state := durabletest.Dir(t)
	open(t, depot.Config{State: state})
	if _, err := depot.Open(depot.Config{State: state}); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("a second one: %v, want ErrLocked", err)
	}
}

func fetch(t testing.TB, d *depot.Depot, c controller, b mgmt.Bundle, now time.Time) {
	t.Helper()
	if err := d.Fetch(t.Context(), now, b, c.open, nil); err != nil {
		t.Fatal(err)
	}
}

// text reads the file of a tree, through its link.
func text(t testing.TB, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "main.zeek"))
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// files lists what is below a directory, without trees that have a name.
func files(t testing.TB, dir string) []string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, dir+"/")
		if err == nil && path != dir && name != ".lock" && (!e.IsDir() || len(name) >= 64) {
			list = append(list, name)
		}
		if err == nil && e.IsDir() && len(e.Name()) == 64 {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return list
}

func TestFetch(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, strings.Repeat("x", 300_000))
	state := durabletest.Dir(t)
	d := open(t, depot.Config{State: state})
	size := int64(len(c[b.Hash]))
	var seen []int64
	err := d.Fetch(t.Context(), start, b, c.open, func(done, of int64) {
		if of != size {
			t.Errorf("the size is %d, want %d", of, size)
		}
		seen = append(seen, done)
	})
	if err != nil || !d.Have(b.Hash) {
		t.Fatalf("got %v, have it: %v", err, d.Have(b.Hash))
	}
	if !slices.IsSorted(seen) || seen[0] != 0 || seen[len(seen)-1] != size {
		t.Errorf("progress: %v", seen)
	}
	again := func(context.Context, mgmt.BundleHash, int64) (io.ReadCloser, int64, error) {
		t.Error("it is fetched again")
		return nil, 0, errors.New("again")
	}
	for _, d := range []*depot.Depot{d, open(t, depot.Config{State: state})} {
		if err := d.Fetch(t.Context(), start, b, again, nil); err != nil {
			t.Error(err)
		}
		if got := text(t, d.Dir(b.Hash)); len(got) != 300_000 {
			t.Errorf("got %d bytes", len(got))
		}
		if diff := cmp.Diff([]depot.Tree{{Hash: b.Hash, Size: size, Used: start}}, d.List()); diff != "" {
			t.Error(diff)
		}
	}
	if diff := cmp.Diff([]string{b.Hash.Digits(), b.Hash.Digits() + ".about"}, files(t, state+"/bundles")); diff != "" {
		t.Error(diff)
	}
	info, err := os.Stat(d.Dir(b.Hash))
	if err != nil || info.Mode() != fs.ModeDir|0o755 {
		t.Errorf("the directory has mode %v, %v", info.Mode(), err)
	}
}

func TestAFetchGoesOnWhereItEnded(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, strings.Repeat("x", 100_000))
	state := durabletest.Dir(t)
	d := open(t, depot.Config{State: state})
	for i := range 10 {
		at := int64(-1)
		err := d.Fetch(t.Context(), start, b, c.cut(10_000), func(done, _ int64) {
			if at < 0 {
				at = done
			}
		})
		if err == nil || !strings.Contains(err.Error(), "fetch bundle site (sha256:") || !strings.Contains(err.Error(), "the line is cut") {
			t.Fatalf("got %v", err)
		}
		if at != int64(i)*10_000 || d.Have(b.Hash) {
			t.Errorf("the %d. fetch begins at %d", i, at)
		}
		if i%3 == 0 {
			d = open(t, depot.Config{State: state}) // the agent starts again
		}
	}
	fetch(t, d, c, b, start)
	if got := text(t, d.Dir(b.Hash)); len(got) != 100_000 {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestACancelledFetchGoesOnLater(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, strings.Repeat("x", 1_000_000))
	d := open(t, depot.Config{})
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("another deployment came")
	last := int64(0)
	err := d.Fetch(ctx, start, b, c.open, func(done, _ int64) {
		last = done
		if done > 500_000 {
			cancel(why)
		}
	})
	if !errors.Is(err, why) || last > 900_000 {
		t.Errorf("got %v after %d bytes", err, last)
	}
	err = d.Fetch(t.Context(), start, b, c.open, func(done, _ int64) {
		if done < last {
			t.Errorf("it begins at %d, and %d were there", done, last)
		}
	})
	if err != nil || !d.Have(b.Hash) {
		t.Error(err)
	}
}

func TestWhatIsNotTheBundleIsRemoved(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, "text")
	other := c.add(t, "other", mgmt.ScriptBundle, "other text")
	damaged := bytes.Clone(c[b.Hash])
	damaged[512] ^= 1
	for name, tt := range map[string]struct {
		archive []byte
		size    int64
		want    string
	}{
		"another bundle":           {c[other.Hash], 0, "has the hash"},
		"a damaged transfer":       {damaged, 0, "has the hash"},
		"no archive":               {[]byte("text"), 0, "ends early"},
		"no size":                  {[]byte{}, 0, "may have up to"},
		"a size beyond the limit":  {nil, 512<<20 + 1, "may have up to"},
		"less than is here so far": {nil, 100, "are here"},
	} {
		t.Run(name, func(t *testing.T) {
			state := durabletest.Dir(t)
			d := open(t, depot.Config{State: state})
			if name == "less than is here so far" {
				if err := d.Fetch(t.Context(), start, b, c.cut(500), nil); err == nil {
					t.Fatal("a cut line is no error")
				}
			}
			if tt.archive != nil {
				tt.size = int64(len(tt.archive))
			}
			err := d.Fetch(t.Context(), start, b, func(context.Context, mgmt.BundleHash, int64) (io.ReadCloser, int64, error) {
				return io.NopCloser(bytes.NewReader(tt.archive)), tt.size, nil
			}, nil)
			if _, ok := errors.AsType[*bundle.InvalidError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if d.Have(b.Hash) || len(files(t, state+"/bundles")) > 0 {
				t.Errorf("left: %v", files(t, state+"/bundles"))
			}
			fetch(t, d, c, b, start)
		})
	}
}

func TestAnArchiveThatBreaksOffWithoutAnError(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, "text")
	d := open(t, depot.Config{})
	err := d.Fetch(t.Context(), start, b, func(ctx context.Context, hash mgmt.BundleHash, offset int64) (io.ReadCloser, int64, error) {
		r, size, err := c.open(ctx, hash, offset)
		return io.NopCloser(io.LimitReader(r, 100)), size, err
	}, nil)
	if !errors.Is(err, io.ErrUnexpectedEOF) || d.Have(b.Hash) {
		t.Errorf("got %v", err)
	}
	fetch(t, d, c, b, start)
}

// Two deployments may want the same bundle. The second waits for the first.
func TestTwoFetchesOfOneBundle(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, "text")
	state := durabletest.Dir(t)
	synctest.Test(t, func(t *testing.T) {
		d := open(t, depot.Config{State: state})
		opened, goOn := make(chan struct{}), make(chan struct{})
		opens := 0
		slow := func(ctx context.Context, hash mgmt.BundleHash, offset int64) (io.ReadCloser, int64, error) {
			opens++
			close(opened)
			<-goOn
			return c.open(ctx, hash, offset)
		}
		done := make(chan error, 2)
		go func() { done <- d.Fetch(t.Context(), start, b, slow, nil) }()
		<-opened
		go func() { done <- d.Fetch(t.Context(), start, b, slow, nil) }()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := d.Fetch(ctx, start, b, slow, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the third gives up: %v", err)
		}
		close(goOn)
		if err := errors.Join(<-done, <-done); err != nil || opens != 1 {
			t.Errorf("opened %d times, %v", opens, err)
		}
	})
}

func TestDataBundlesHaveOnePath(t *testing.T) {
	c := controller{}
	first, second := c.add(t, "intel", mgmt.DataBundle, "first"), c.add(t, "intel", mgmt.DataBundle, "second")
	scripts := c.add(t, "site", mgmt.ScriptBundle, "scripts")
	state := durabletest.Dir(t)
	d := open(t, depot.Config{State: state})
	for _, b := range []mgmt.Bundle{first, second, scripts} {
		fetch(t, d, c, b, start)
	}
	if got := filepath.Join(state, "data/intel/current"); d.Current("intel") != got {
		t.Errorf("the path is %s", d.Current("intel"))
	}
	for _, tt := range []struct {
		b    mgmt.Bundle
		want string
	}{{first, "first"}, {second, "second"}, {second, "second"}, {first, "first"}} {
		if err := d.Use(start, []mgmt.Bundle{tt.b, scripts}); err != nil {
			t.Fatal(err)
		}
		if got := text(t, d.Current("intel")); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if diff := cmp.Diff([]string{"intel/current"}, files(t, state+"/data")); diff != "" {
		t.Error(diff)
	}
	missing := mgmt.Bundle{Name: "none", Kind: mgmt.DataBundle, Hash: mgmt.NewBundleHash([32]byte{})}
	if err := d.Use(start, []mgmt.Bundle{missing}); err == nil || !strings.Contains(err.Error(), "bundle none (sha256:000000000000) is not on this host") {
		t.Errorf("got %v", err)
	}
}

// A reader that opens a file through the path never fails while the path changes.
func TestTheSwitchOfADataBundleIsAtomic(t *testing.T) {
	c := controller{}
	bundles := []mgmt.Bundle{c.add(t, "intel", mgmt.DataBundle, "first"), c.add(t, "intel", mgmt.DataBundle, "second")}
	d := open(t, depot.Config{})
	for _, b := range bundles {
		fetch(t, d, c, b, start)
	}
	if err := d.Use(start, bundles[:1]); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			if err := d.Use(start, bundles[i%2:i%2+1]); err != nil {
				t.Error(err)
			}
		}
	}()
	for reads := 0; ; reads++ {
		if got := text(t, d.Current("intel")); got != "first" && got != "second" {
			t.Fatalf("got %q", got)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestDamagedRecordsOfTrees(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, "text")
	state := durabletest.Dir(t)
	fetch(t, open(t, depot.Config{State: state}), c, b, start)
	about := filepath.Join(state, "bundles", b.Hash.Digits()+".about")
	for name, content := range map[string]string{"damaged": "{}", "lost": ""} {
		if err := os.WriteFile(about, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if content == "" {
			if err := os.Remove(about); err != nil {
				t.Fatal(err)
			}
		}
		d := open(t, depot.Config{State: state})
		if list := d.List(); len(list) != 1 || list[0].Size < 4 || !list[0].Used.IsZero() {
			t.Errorf("%s: got %+v", name, list)
		}
	}
	if err := os.WriteFile(about, durable.Seal([]byte(`{"version":2}`)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tryOpen(t, depot.Config{State: state}); err == nil || !strings.Contains(err.Error(), "newer zeekfleet") {
		t.Errorf("got %v", err)
	}
}

// The files of each form that was ever released are read for ever.
func TestForm1(t *testing.T) {
	c := controller{}
	b := c.add(t, "site", mgmt.ScriptBundle, "text")
	state := durabletest.Dir(t)
	fetch(t, open(t, depot.Config{State: state}), c, b, start.Add(time.Hour))
	form, err := os.ReadFile("testdata/form1.about")
	if err == nil {
		err = os.WriteFile(filepath.Join(state, "bundles", b.Hash.Digits()+".about"), form, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]depot.Tree{{Hash: b.Hash, Size: 4096, Used: start}}, open(t, depot.Config{State: state}).List()); diff != "" {
		t.Error(diff)
	}
}

func isFull(err error) bool {
	_, ok := errors.AsType[*blob.FullError](err)
	return ok
}
