package nic_test

import (
	"encoding/binary"
	"errors"
	"net"
	"os/exec"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/nic"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
)

// card answers the ioctl of ethtool as a driver does that knows these commands.
func card(values map[uint32][]uint32) nic.Asker {
	return func(_ string, request []byte) error {
		answer, ok := values[binary.NativeEndian.Uint32(request)]
		if !ok {
			return unix.EOPNOTSUPP
		}
		for i, v := range answer {
			binary.NativeEndian.PutUint32(request[4+4*i:], v)
		}
		return nil
	}
}

func TestSettings(t *testing.T) {
	for name, tt := range map[string]struct {
		ask  nic.Asker
		want nic.Settings
	}{
		"everything on, and a small ring": {
			card(map[uint32][]uint32{0x10: {4096, 0, 0, 4096, 512, 0, 0, 512}, 0x1e: {1}, 0x23: {1}, 0x2b: {1}, 0x25: {1<<8 | 1<<15 | 1<<7}}),
			nic.Settings{Offloads: []string{"gro", "lro", "tso", "gso", "rxvlan"}, RxRing: 512, RxRingMax: 4096},
		},
		"only GRO": {card(map[uint32][]uint32{0x2b: {1}, 0x1e: {0}, 0x25: {0}}), nic.Settings{Offloads: []string{"gro"}}},
		"a driver that tells nothing": {
			func(string, []byte) error { return errors.New("no such device") }, nic.Settings{},
		},
	} {
		if diff := cmp.Diff(tt.want, nic.LookWith(tt.ask, "eth0")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNoInterfaceHasThisName(t *testing.T) {
	for _, name := range []string{"", "nowhere0", "a-name-that-no-interface-can-have", "lo\x00x"} {
		if got := nic.Look(name); len(got.Offloads) > 0 || got.RxRingMax > 0 {
			t.Errorf("%q: got %+v", name, got)
		}
	}
}

func FuzzParseSockets(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x24\x00\x00\x00\x14\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x11\x03\x00\x03\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00\x04\x00\x17\x00\x00\x00"))
	f.Add([]byte("\x14\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xfe\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, _, _ := nic.ParseSockets(b)
		if len(list) > len(b)/16 {
			t.Errorf("%d sockets of %d bytes", len(list), len(b))
		}
	})
}

// On interfaces of the kernel, what is told is what was set.
func TestInterfacesOfTheKernel(t *testing.T) {
	roottest.Need(t, "makes interfaces in a network namespace")
	inNamespace(t, func(t *testing.T) {
		run(t, "ip", "link", "add", "zfa", "type", "veth", "peer", "name", "zfb")
		run(t, "ip", "link", "set", "zfa", "up")
		got := nic.Look("zfa")
		if !slices.Contains(got.Offloads, "tso") || !slices.Contains(got.Offloads, "gso") || slices.Contains(got.Offloads, "lro") {
			t.Errorf("a new veth: %+v", got)
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(htons(unix.ETH_P_ALL)))
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		link, err := net.InterfaceByName("zfa")
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: link.Index}); err != nil {
			t.Fatal(err)
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, 4711|unix.PACKET_FANOUT_HASH<<16); err != nil {
			t.Fatal(err)
		}
		sockets, err := nic.Sockets()
		if err != nil {
			t.Skipf("this kernel does not tell of packet sockets: %v", err)
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			t.Fatal(err)
		}
		want := []nic.Socket{{Inode: st.Ino, Interface: link.Index, Fanout: true, FanoutID: 4711}}
		if diff := cmp.Diff(want, sockets); diff != "" {
			t.Errorf("sockets (-want +got):\n%s", diff)
		}
	})
}

// inNamespace runs a test in a new network namespace, which ends with the test.
func inNamespace(t *testing.T, do func(t *testing.T)) {
	t.Helper()
	t.Run("in a namespace", func(t *testing.T) {
		sockownertest.OnAnotherThread(func() {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				t.Fatalf("make a network namespace: %v", err)
			}
			do(t)
		})
	})
}

func run(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", argv, err, out)
	}
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }
