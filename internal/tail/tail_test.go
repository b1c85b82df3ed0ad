package tail_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/tail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func numbers(from, to int) string {
	var b strings.Builder
	for n := from; n <= to; n++ {
		fmt.Fprintf(&b, "line %d\n", n)
	}
	return b.String()
}

func TestLastLines(t *testing.T) {
	for name, tt := range map[string]struct {
		files []string // the file, its .1, its .2
		lines int
		cfg   tail.Config
		want  string
	}{
		"fewer than there are":           {[]string{numbers(1, 5)}, 2, tail.Config{}, numbers(4, 5)},
		"all":                            {[]string{numbers(1, 5)}, 5, tail.Config{}, numbers(1, 5)},
		"more than there are":            {[]string{numbers(1, 5)}, 9, tail.Config{}, numbers(1, 5)},
		"none":                           {[]string{numbers(1, 5)}, 0, tail.Config{}, ""},
		"of an empty file":               {[]string{""}, 3, tail.Config{}, ""},
		"with a last one that goes on":   {[]string{"a\nb\nc"}, 2, tail.Config{}, "b\nc"},
		"with empty ones":                {[]string{"a\n\n\n"}, 2, tail.Config{}, "\n\n"},
		"of a long file":                 {[]string{numbers(1, 50_000)}, 20_000, tail.Config{}, numbers(30_001, 50_000)},
		"with those before the rotation": {[]string{numbers(8, 9), numbers(4, 7), numbers(1, 3)}, 5, tail.Config{}, numbers(5, 9)},
		"with all before the rotation":   {[]string{numbers(8, 9), numbers(4, 7), numbers(1, 3)}, 50, tail.Config{}, numbers(1, 9)},
		"of an emptied file":             {[]string{"", numbers(4, 7)}, 2, tail.Config{}, numbers(6, 7)},
		"in fewer bytes":                 {[]string{numbers(1, 9)}, 9, tail.Config{MaxBytes: 20}, numbers(8, 9)},
		"in fewer bytes of all files":    {[]string{numbers(8, 9), numbers(4, 7)}, 9, tail.Config{MaxBytes: 30}, numbers(6, 9)},
		"a line that is too long":        {[]string{"0123456789"}, 9, tail.Config{MaxBytes: 4}, "6789"},
		"of fewer rotated files":         {[]string{numbers(8, 9), numbers(4, 7), numbers(1, 3)}, 9, tail.Config{MaxRotated: 1}, numbers(4, 9)},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stdout")
			for n, text := range tt.files {
				write(t, path+map[int]string{0: "", 1: ".1", 2: ".2"}[n], text)
			}
			var got strings.Builder
			err := tail.Last(t.Context(), tt.cfg, path, tt.lines, func(_ context.Context, p []byte) error {
				got.Write(p)
				return nil
			})
			if err != nil || got.String() != tt.want {
				t.Errorf("got %.300q, %v; want %.300q", got.String(), err, tt.want)
			}
		})
	}
}

func TestOtherKindsOfFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), "secret\n")
	link, pipe := filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.Symlink("secret", link), unix.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	none := func(_ context.Context, p []byte) error { return fmt.Errorf("%q was read", p) }
	for _, path := range []string{link, pipe} {
		if err := tail.Last(t.Context(), tail.Config{}, path, 9, none); !errors.Is(err, durable.ErrNotRegular) {
			t.Errorf("%s: %v", path, err)
		}
		if err := tail.Follow(t.Context(), tail.Config{}, path, 9, none); !errors.Is(err, durable.ErrNotRegular) {
			t.Errorf("%s is followed: %v", path, err)
		}
	}
	if err := tail.Last(t.Context(), tail.Config{}, filepath.Join(dir, "none"), 9, none); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// follower follows a file until the end of the test.
type follower struct {
	t    *testing.T
	path string
	more chan struct{}

	mu   sync.Mutex
	text string
}

func follow(t *testing.T, path string, lines int) *follower {
	f := &follower{t: t, path: path, more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() {
		done <- tail.Follow(ctx, tail.Config{Buffer: 64, Pause: time.Millisecond}, path, lines, f.take)
	}()
	t.Cleanup(func() {
		enough := errors.New("enough")
		cancel(enough)
		if err := <-done; err != enough {
			t.Errorf("it ended with %v", err)
		}
	})
	return f
}

func (f *follower) take(_ context.Context, p []byte) error {
	f.mu.Lock()
	f.text += string(p)
	f.mu.Unlock()
	select {
	case f.more <- struct{}{}:
	default:
	}
	return nil
}

// await waits until exactly this was written since the last await.
func (f *follower) await(want string) {
	f.t.Helper()
	late := patience.Context(f.t)
	for {
		f.mu.Lock()
		got := f.text
		if got == want {
			f.text = ""
		}
		f.mu.Unlock()
		if got == want {
			return
		}
		select {
		case <-f.more:
		case <-late.Done():
			f.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func (f *follower) append(text string) {
	f.t.Helper()
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		f.t.Fatal(err)
	}
}

func (f *follower) rename(from, to string) {
	f.t.Helper()
	if err := os.Rename(from, to); err != nil {
		f.t.Fatal(err)
	}
}

func TestGrowingFileIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	write(t, path, numbers(1, 9))
	f := follow(t, path, 2)
	f.await(numbers(8, 9))
	f.append("a line that ")
	f.await("a line that ")
	f.append("goes on\n" + numbers(10, 100))
	f.await("goes on\n" + numbers(10, 100))
}

func TestFileThatComesIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	f := follow(t, path, 9)
	f.append(numbers(1, 9))
	f.await(numbers(1, 9))
	f.append(numbers(10, 11))
	f.await(numbers(10, 11))
}

// A node that starts again writes to a new file, if the old one is too large.
func TestNewFileTakesThePlaceOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	write(t, path, numbers(1, 2))
	f := follow(t, path, 1)
	f.await(numbers(2, 2))
	for n := 3; n < 30; n += 4 {
		f.append(numbers(n, n))
		f.rename(path, path+".1")
		write(t, path+".new", numbers(n+1, n+2))
		f.rename(path+".new", path)
		f.await(numbers(n, n+2))
		f.append(numbers(n+3, n+3))
		f.await(numbers(n+3, n+3))
	}
}

// A node that runs for long appends to the same file, which is emptied (proc, outputs.trim).
func TestEmptiedFileIsFollowed(t *testing.T) {
	for name, after := range map[string]string{"and grows less": "a\n", "and grows beyond the old place": numbers(100, 200)} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stdout")
			write(t, path, numbers(1, 9))
			write(t, path+".1", "older\n")
			f := follow(t, path, 1)
			f.await(numbers(9, 9))
			f.append("begun ")
			f.await("begun ")
			write(t, path+".new", numbers(1, 9))
			f.rename(path+".1", path+".2")
			f.rename(path+".new", path+".1")
			// Both at once, so that nobody looks in between.
			file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
			if err == nil {
				_, err = file.WriteString(after)
			}
			if err := errors.Join(err, file.Close()); err != nil {
				t.Fatal(err)
			}
			f.await("\n" + tail.Emptied + "\n" + after)
			f.append("more\n")
			f.await("more\n")
		})
	}
}

// The older part of a file comes a moment before the file is emptied.
func TestFileThatIsAboutToBeEmptiedIsNotReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	write(t, path, numbers(1, 9))
	f := follow(t, path, 1)
	f.await(numbers(9, 9))
	write(t, path+".new", numbers(1, 9))
	f.rename(path+".new", path+".1")
	for n := 10; n < 30; n++ { // a look comes between two of these
		f.append(numbers(n, n))
		f.await(numbers(n, n))
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	f.await(tail.Emptied + "\n")
	f.append("more\n")
	f.await("more\n")
}

func TestWriterThatFailsEndsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stdout")
	write(t, path, numbers(1, 2))
	gone := errors.New("the reader has gone")
	refuse := func(context.Context, []byte) error { return gone }
	if err := tail.Follow(t.Context(), tail.Config{}, path, 1, refuse); err != gone {
		t.Errorf("got %v", err)
	}
}
