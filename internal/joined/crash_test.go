package joined_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/joined"
)

// saverVariable makes the test binary save credentials again and again below the
// directory that it names.
const saverVariable = "JOINED_TEST_SAVER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(saverVariable); dir != "" {
		saveForever(joined.Dir(dir))
	}
	os.Exit(m.Run())
}

// saveForever reads two sets of credentials, and saves them in turn until the process
// is killed. It writes a byte after each save.
func saveForever(dir joined.Dir) {
	var sets []joined.Credentials
	for _, name := range []string{".a", ".b"} {
		h, err := (dir + joined.Dir(name)).Load()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		sets = append(sets, h.Credentials)
	}
	for i := 0; ; i++ {
		if err := dir.Save(sets[i%2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Stdout.Write([]byte{1})
	}
}

// TestKilledProgramLeavesOneSetOfCredentials kills a program while it saves, each time in
// another save.
func TestKilledProgramLeavesOneSetOfCredentials(t *testing.T) {
	dir, s := joined.DirIn(t.TempDir()), newSite(t)
	a, b := s.join(t, "sensor-1"), s.join(t, "sensor-1")
	for suffix, c := range map[joined.Dir]joined.Credentials{".a": a, ".b": b} {
		if err := (dir + suffix).Save(c); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for range 25 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), saverVariable+"="+string(dir))
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadFull(out, make([]byte, 1+rand.IntN(8))) // the kill comes within a later save
		cmd.Process.Kill()
		cmd.Wait()
		if err != nil {
			t.Fatal(err)
		}
		h, err := dir.Load()
		if err == nil {
			err = dir.Repair(h)
		}
		if err != nil {
			t.Fatal(err)
		}
		want := a
		if bytes.Equal(h.Key, b.Key) {
			want = b
		}
		if !bytes.Equal(h.Certificate, want.Certificate) || !bytes.Equal(h.NodeKey, want.NodeKey) {
			t.Fatal("the credentials are a mix")
		}
		for name, text := range map[string][]byte{
			"agent.key": want.Key, "agent.pem": want.Certificate, "nodes.key": want.NodeKey, "nodes.pem": want.NodeCertificate,
		} {
			if got, err := os.ReadFile(dir.Path(name)); !bytes.Equal(got, text) || err != nil {
				t.Fatalf("%s is of other credentials: %v", name, err)
			}
		}
		seen[string(want.Certificate)]++
	}
	if len(seen) < 2 {
		t.Errorf("only one of the two sets was seen in %d kills: this test shows nothing", 25)
	}
}
