package preflight

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

func TestPortProblem(t *testing.T) {
	p := Port{Addr: netip.MustParseAddr("::1"), Number: 9000, Use: "metrics"}
	const unknown = 4_294_000_000 // a user without a name
	other := holder{sockowner.Process{PID: 7, Session: 3, Name: "sshd"}, unknown}
	ours, unseen := holder{sockowner.Process{PID: 8, Session: 5, Name: "zeek"}, 0}, holder{user: unknown}
	tests := map[string]struct {
		err  error
		held []holder
		want string
	}{
		"a port of another process names it":         {syscall.EADDRINUSE, []holder{ours, other}, "metrics port [::1]:9000 is in use by sshd (pid 7) of user 4294000000"},
		"a port that only our nodes hold is free":    {syscall.EADDRINUSE, []holder{ours}, ""},
		"a port of an invisible user names the user": {syscall.EADDRINUSE, []holder{ours, unseen}, "metrics port [::1]:9000 is in use by a process of user 4294000000"},
		"a port of an invisible process is in use":   {syscall.EADDRINUSE, nil, "metrics port [::1]:9000 is in use"},
		"an address of another host is named":        {syscall.EADDRNOTAVAIL, nil, "metrics port [::1]:9000 cannot be bound: this host has no such address"},
		"a privileged port says so":                  {syscall.EACCES, nil, "metrics port [::1]:9000 cannot be bound: ports below 1024 need permission"},
		"another error is quoted":                    {errors.New("out of luck"), nil, "metrics port [::1]:9000 cannot be bound: out of luck"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := portProblem(p, tt.err, tt.held, []int{5}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOverlap(t *testing.T) {
	a, b, all := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::")
	for _, tt := range []struct {
		a, b netip.Addr
		want bool
	}{{a, a, true}, {a, b, false}, {a, all, true}, {netip.Addr{}, b, true}, {netip.AddrFrom16(a.As16()), a, true}} {
		if got := overlap(tt.a, tt.b); got != tt.want || got != overlap(tt.b, tt.a) {
			t.Errorf("%v and %v: %v", tt.a, tt.b, got)
		}
	}
}

func TestInterfaceProblem(t *testing.T) {
	has := []net.Interface{{Name: "lo", Flags: net.FlagUp}, {Name: "eth0", Flags: net.FlagUp}, {Name: "eth1"}}
	alias := func(name string) (up, ok bool) { return name == "enp9s0", name == "enp9s0" || name == "enp9s1" }
	for spec, want := range map[string]string{
		"":                    "",
		"enp9s0":              "",
		"enp9s1":              "interface enp9s1 is down",
		"lo":                  "",
		"af_packet::eth0":     "",
		"pcap::eth1":          "interface eth1 is down",
		"eth9":                "interface eth9 does not exist; there are eth0, eth1, lo",
		"af_packet::eth9":     "interface eth9 does not exist; there are eth0, eth1, lo",
		"netmap::eth9-0/R":    "",
		"nflog:5":             "",
		"any":                 "",
		"dag0":                "",
		"af_packet::":         "",
		"pf_ring::zc:eth9@01": "",
	} {
		if got := interfaceProblem(spec, has, alias); got != want {
			t.Errorf("%q: got %q, want %q", spec, got, want)
		}
	}
}

func TestByAnyName(t *testing.T) {
	if up, ok := byAnyName("lo"); !ok {
		t.Errorf("lo: up %v, exists %v", up, ok)
	}
	for _, name := range []string{"nope0", "a-name-that-no-interface-can-have", ""} {
		if _, ok := byAnyName(name); ok {
			t.Errorf("%q exists", name)
		}
	}
}

func TestNeedsPermission(t *testing.T) {
	for spec, want := range map[string]bool{
		"":                    false,
		"eth0":                true,
		"pcap::eth0":          true,
		"af_packet::eth0":     true,
		"any":                 true,
		"napatech::0":         false,
		"netmap::eth9-0/R":    false,
		"dag0":                false,
		"pf_ring::zc:eth9@01": false,
	} {
		if got := needsPermission(spec); got != want {
			t.Errorf("%q: got %v", spec, got)
		}
	}
}

func TestCouldBeOurs(t *testing.T) {
	at := func(addr string, uid uint32) sockowner.Socket {
		return sockowner.Socket{At: netip.MustParseAddrPort(addr), Owner: sockowner.Owner{UID: uid, Inode: 1}}
	}
	tests := map[string]struct {
		sockets []sockowner.Socket
		hidden  bool
		want    bool
	}{
		"a socket of our user, and our node hides its open files": {[]sockowner.Socket{at("[::1]:9000", 1000)}, true, true},
		"no node hides its open files":                            {[]sockowner.Socket{at("[::1]:9000", 1000)}, false, false},
		"a socket of another user":                                {[]sockowner.Socket{at("[::1]:9000", 0)}, true, false},
		"sockets of our user and of another":                      {[]sockowner.Socket{at("[::1]:9000", 1000), at("[::]:9000", 0)}, true, false},
		"a socket at another port":                                {[]sockowner.Socket{at("[::1]:9001", 1000)}, true, false},
		"a socket at another address":                             {[]sockowner.Socket{at("10.0.0.1:9000", 1000)}, true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := Port{Addr: netip.MustParseAddr("::1"), Number: 9000}
			if got := couldBeOurs(p, tt.sockets, 1000, tt.hidden); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestGrants(t *testing.T) {
	status := func(uid string, set string, value string) string {
		return "Name:\tzeekfleet\nUid:\t1000\t" + uid + "\t1000\t1000\n" + set + ":\t" + value + "\n"
	}
	raw := "0000000000002000"
	attr := func(flags, permitted, inheritable byte) []byte {
		return []byte{flags, 0, 0, 2, 0, permitted, 0, 0, 0, inheritable, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	}
	tests := map[string]struct {
		status string
		attr   []byte
		want   bool
	}{
		"root":                                  {status("0", "CapBnd", raw), nil, true},
		"root without it in the bounding set":   {status("0", "CapBnd", "0"), nil, false},
		"a user":                                {status("1000", "CapBnd", raw), nil, false},
		"a user's effective capability is lost": {status("1000", "CapEff", raw), nil, false},
		"an ambient capability":                 {status("1000", "CapAmb", raw), nil, true},
		"a capability of the program":           {status("1000", "CapBnd", raw), attr(1, 0x20, 0), true},
		"a program's capability, not effective": {status("1000", "CapBnd", raw), attr(0, 0x20, 0), false},
		"a program's, not in the bounding set":  {status("1000", "CapBnd", "0"), attr(1, 0x20, 0), false},
		"a program's other capability":          {status("1000", "CapBnd", raw), attr(1, 0x10, 0), false},
		"a program's, with NoNewPrivs": {
			status("1000", "CapBnd", raw) + "NoNewPrivs:\t1\n", attr(1, 0x20, 0), false,
		},
		"a program's, permitted before, with NoNewPrivs": {
			status("1000", "CapBnd", raw) + "CapPrm:\t" + raw + "\nNoNewPrivs:\t1\n", attr(1, 0x20, 0), true,
		},
		"a capability that both can inherit": {status("1000", "CapInh", raw), attr(1, 0, 0x20), true},
		"an attribute of another kind":       {status("1000", "CapBnd", raw), []byte{1, 0}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := parseCapabilities(tt.status).grants(parseFileCaps(tt.attr)); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestCPUProblem(t *testing.T) {
	tests := []struct {
		cpus         []int
		online, want string
	}{
		{nil, "0", ""},
		{[]int{0, 3, 8}, "0-3,8", ""},
		{[]int{4, 7}, "0-3,8", "CPU affinity: this host has no CPU 4,7; it has 0-3,8"},
		{[]int{0, 4, 5, 6, 9}, "0-3", "CPU affinity: this host has no CPU 4-6,9; it has 0-3"},
		{[]int{0}, "nonsense", "CPU affinity: this host has no CPU 0; it has nonsense"},
	}
	for _, tt := range tests {
		if got := cpuProblem(tt.cpus, tt.online); got != tt.want {
			t.Errorf("%v of %s: got %q, want %q", tt.cpus, tt.online, got, tt.want)
		}
	}
}

func TestProblemsOfDirectories(t *testing.T) {
	tests := map[string]struct {
		place place
		want  string
		room  string
	}{
		"a writable directory":     {place{dir: "/a/", nearest: "/a", isDir: true}, "", ""},
		"a directory to be made":   {place{dir: "/a/b", nearest: "/a", isDir: true}, "", ""},
		"a file":                   {place{dir: "/a", nearest: "/a"}, "/a is not a directory", ""},
		"a directory below a file": {place{dir: "/a/b", nearest: "/a"}, "directory /a/b cannot be made: /a is not a directory", ""},
		"a read-only directory":    {place{dir: "/a", nearest: "/a", isDir: true, notWritable: syscall.EROFS}, "directory /a is not writable: read-only file system", ""},
		"a read-only parent":       {place{dir: "/a/b", nearest: "/a", isDir: true, notWritable: syscall.EACCES}, "directory /a/b cannot be made in /a: permission denied", ""},
		"just enough room":         {place{dir: "/a", nearest: "/a", isDir: true, room: &room{bytes: 3 << 20}}, "", ""},
		"a byte short of the room": {place{dir: "/a", nearest: "/a", isDir: true, room: &room{bytes: 3<<20 - 1}}, "", "the disk with /a has 2 MiB left, and nodes need 3"},
		"room, but not for a file": {place{dir: "/a", nearest: "/a", isDir: true, room: &room{bytes: 9 << 20, noFiles: true}}, "", "the disk with /a has no room for another file"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.place.problem(); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := tt.place.roomProblem(3 << 20); got != tt.room {
				t.Errorf("room: got %q, want %q", got, tt.room)
			}
			if got := tt.place.roomProblem(-1); got != "" {
				t.Errorf("room without a minimum: got %q", got)
			}
		})
	}
}

func TestNodeList(t *testing.T) {
	if got := nodeList([]mgmt.NodeName{"a", "b", "c", "d", "e"}); got != "a, b, c, d, e" {
		t.Errorf("got %q", got)
	}
	if got := nodeList([]mgmt.NodeName{"a", "b", "c", "d", "e", "f"}); got != "a, b, c, d, e, …" {
		t.Errorf("got %q", got)
	}
}
