package machine

import (
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func number(n int) string { return strconv.Itoa(n) }

// The requests of ethtool(8) that answer with one number (linux/ethtool.h).
var ethtoolValues = map[string]uint32{
	"generic-receive-offload": 0x2b, "generic-segmentation-offload": 0x23, "tcp-segmentation-offload": 0x1e,
	"rx-checksumming": 0x14, "tx-checksumming": 0x16, "scatter-gather": 0x18,
}

const (
	ethtoolFlags     = 0x25
	ethtoolFlagLRO   = 1 << 15
	ethtoolRings     = 0x10
	ethtoolRingWords = 9 // the request, four maxima, four sizes
)

// ifreq is struct ifreq with a pointer.
type ifreq struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	rest [16]byte
}

// offloads returns what `ethtool -k` and `ethtool -g` show of a card. What the card does not say
// is left out.
func offloads(name string) map[string]string {
	found := map[string]string{}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return found
	}
	defer unix.Close(fd)
	for what, request := range ethtoolValues {
		if answer := [2]uint32{request}; ethtool(fd, name, unsafe.Pointer(&answer)) {
			found[what] = onOff(answer[1] != 0)
		}
	}
	if answer := [2]uint32{ethtoolFlags}; ethtool(fd, name, unsafe.Pointer(&answer)) {
		found["large-receive-offload"] = onOff(answer[1]&ethtoolFlagLRO != 0)
	}
	if answer := [ethtoolRingWords]uint32{ethtoolRings}; ethtool(fd, name, unsafe.Pointer(&answer)) {
		found["ring-rx"], found["ring-rx-max"] = number(int(answer[5])), number(int(answer[1]))
		found["ring-tx"], found["ring-tx-max"] = number(int(answer[8])), number(int(answer[4]))
	}
	return found
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// ethtool makes one request, and reports whether the card has answered.
func ethtool(fd int, name string, data unsafe.Pointer) bool {
	r := ifreq{data: data}
	if len(name) >= len(r.name) {
		return false
	}
	copy(r.name[:], name)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&r)))
	return errno == 0
}
