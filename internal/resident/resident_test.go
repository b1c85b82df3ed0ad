package resident

import (
	"os"
	"slices"
	"testing"
)

const smaps = `00400000-01652000 r-xp 00000000 fe:00 10028854                           /usr/bin/zeekfleet
Size:              18760 kB
Rss:                5184 kB
Anonymous:             0 kB
THPeligible:           0
ProtectionKey:         0
VmFlags: rd ex mr mw me 
01652000-02a4d000 r--p 01252000 fe:00 10028854                           /usr/bin/zeekfleet
Rss:               11320 kB
Anonymous:             0 kB
VmFlags: rd mr mw me 
02a4d000-02b52000 r--p 0264d000 fe:00 10028854                           /usr/bin/zeekfleet
Rss:                 660 kB
Anonymous:             4 kB
VmFlags: rd mr mw me 
02b52000-02b62000 rw-p 0264d000 fe:00 10028854                           /usr/bin/zeekfleet
Rss:                  64 kB
Anonymous:             0 kB
VmFlags: rd wr mr mw me 
02b62000-04dc0000 rw-p 00000000 00:00 0 
Rss:                 148 kB
Anonymous:           148 kB
VmFlags: rd wr mr mw me 
7f9c8153c000-7f9c81692000 r-xp 00026000 fe:00 1966                       /usr/lib/libc.so.6
Rss:                1168 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me 
`

// What the process may have written stays, and so does what is not of the program.
func TestOnlyUnwrittenPagesOfTheProgramAreGivenBack(t *testing.T) {
	got, err := unwritten([]byte(smaps), "/usr/bin/zeekfleet")
	want := []mapping{{0x400000, 0x1652000, 5184 << 10}, {0x1652000, 0x2a4d000, 11320 << 10}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got, err := unwritten([]byte(smaps), "/usr/bin/fleet"); err != nil || got != nil {
		t.Errorf("of another program: got %+v, %v", got, err)
	}
}

func TestWhatIsNoListOfMappings(t *testing.T) {
	for _, text := range []string{"x\n", "0-g r-xp 0 0 0 /p\n", "0-1 r-xp 0 0 0 /p\nRss: x kB\n", "0-1 r-xp 0 0 0 /p\nRss:\n"} {
		if _, err := unwritten([]byte(text), "/p"); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// The process goes on after its code has left its memory.
func TestGiveBack(t *testing.T) {
	before := residentFile(t)
	given, err := GiveBack()
	if err != nil {
		t.Fatal(err)
	}
	after := residentFile(t)
	t.Logf("gave %d bytes back: %d bytes of the program were resident, and are %d", given, before, after)
	if given < before/2 || after >= before {
		t.Errorf("gave %d bytes back: %d bytes of the program were resident, and are %d", given, before, after)
	}
}

func residentFile(t *testing.T) (sum int) {
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	list, err := unwritten(smaps, program)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		sum += m.resident
	}
	return sum
}
