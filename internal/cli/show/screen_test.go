package show_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// terminal returns a real terminal of this size.
func terminal(t *testing.T, columns, lines uint16) *os.File {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: columns, Row: lines}); err != nil {
		t.Fatal(err)
	}
	return slave
}

func TestMeasured(t *testing.T) {
	tty := terminal(t, 132, 43)
	s := show.Settings{Out: tty, Screen: show.Screen{Terminal: true, Width: 80, Height: 24, Color: true}}
	if got, want := s.Measured().Screen, (show.Screen{Terminal: true, Width: 132, Height: 43, Color: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	s.Screen.Terminal = false // the user wants no table
	if got := s.Measured().Screen; got != s.Screen {
		t.Errorf("no terminal: got %+v, want %+v", got, s.Screen)
	}
}

func TestScreen(t *testing.T) {
	tty := terminal(t, 132, 43)
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tests := map[string]struct {
		env  map[string]string
		when show.Coloring
		want show.Screen
	}{
		"a terminal":               {map[string]string{"TERM": "xterm"}, "", show.Screen{Terminal: true, Width: 132, Height: 43, Color: true}},
		"NO_COLOR":                 {map[string]string{"TERM": "xterm", "NO_COLOR": "1"}, "", show.Screen{Terminal: true, Width: 132, Height: 43}},
		"NO_COLOR that is empty":   {map[string]string{"TERM": "xterm", "NO_COLOR": ""}, "", show.Screen{Terminal: true, Width: 132, Height: 43, Color: true}},
		"a dumb terminal":          {map[string]string{"TERM": "dumb"}, show.ColorAuto, show.Screen{Terminal: true, Width: 132, Height: 43}},
		"no TERM":                  {nil, show.ColorAuto, show.Screen{Terminal: true, Width: 132, Height: 43}},
		"never":                    {map[string]string{"TERM": "xterm"}, show.ColorNever, show.Screen{Terminal: true, Width: 132, Height: 43}},
		"always, despite NO_COLOR": {map[string]string{"NO_COLOR": "1"}, show.ColorAlways, show.Screen{Terminal: true, Width: 132, Height: 43, Color: true}},
	}
	for name, tt := range tests {
		lookup := func(key string) (string, bool) { v, ok := tt.env[key]; return v, ok }
		if got := show.ScreenOf(tty, lookup, tt.when); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tt.want)
		}
		for _, out := range []interface{ Write([]byte) (int, error) }{&bytes.Buffer{}, file} {
			want := show.Screen{Color: tt.when == show.ColorAlways}
			if got := show.ScreenOf(out, lookup, tt.when); got != want {
				t.Errorf("%s, but no terminal: got %+v, want %+v", name, got, want)
			}
		}
	}
}
