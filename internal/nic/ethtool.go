package nic

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Settings are those of an interface that concern capturing.
type Settings struct {
	// Offloads are those that are on, as ethtool -K names them.
	Offloads []string
	// RxRing is how many received packets the card can keep until the kernel takes them.
	// RxRingMax is how many it could keep. Zero means that the driver does not tell.
	RxRing, RxRingMax uint32
}

// The commands of the ioctl that are used (linux/ethtool.h).
const (
	getRing  = 0x10
	getTSO   = 0x1e
	getGSO   = 0x23
	getFlags = 0x25
	getGRO   = 0x2b
)

// The flags of getFlags.
const (
	flagRxVLAN = 1 << 8
	flagLRO    = 1 << 15
)

// An Asker carries out the ioctl of ethtool on an interface. request begins with the command;
// the answer replaces it.
type Asker func(name string, request []byte) error

// Look returns the settings of an interface. What the driver does not tell is absent.
func Look(name string) Settings {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return Settings{}
	}
	defer unix.Close(fd)
	return LookWith(func(name string, request []byte) error { return ioctl(fd, name, request) }, name)
}

// LookWith is Look with another way to ask.
func LookWith(ask Asker, name string) Settings {
	var s Settings
	value := func(command uint32) uint32 {
		request := make([]byte, 8)
		binary.NativeEndian.PutUint32(request, command)
		if ask(name, request) != nil {
			return 0
		}
		return binary.NativeEndian.Uint32(request[4:])
	}
	flags := value(getFlags)
	for _, one := range []struct {
		name string
		on   bool
	}{
		{"gro", value(getGRO) != 0},
		{"lro", flags&flagLRO != 0},
		{"tso", value(getTSO) != 0},
		{"gso", value(getGSO) != 0},
		{"rxvlan", flags&flagRxVLAN != 0},
	} {
		if one.on {
			s.Offloads = append(s.Offloads, one.name)
		}
	}
	ring := make([]byte, 9*4) // struct ethtool_ringparam
	binary.NativeEndian.PutUint32(ring, getRing)
	if ask(name, ring) == nil {
		s.RxRingMax, s.RxRing = binary.NativeEndian.Uint32(ring[4:]), binary.NativeEndian.Uint32(ring[5*4:])
	}
	return s
}

// ifreq is struct ifreq with a pointer in it (linux/if.h).
type ifreq struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte // the union has 24 bytes
}

func ioctl(fd int, name string, request []byte) error {
	r := ifreq{data: unsafe.Pointer(&request[0])}
	if len(name) >= len(r.name) || strings.ContainsRune(name, 0) {
		return errors.New("no interface can have this name")
	}
	copy(r.name[:], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r)))
	runtime.KeepAlive(request)
	if errno != 0 {
		return errno
	}
	return nil
}
