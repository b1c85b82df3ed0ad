package hosts

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cable connects two namespaces by a link whose faults are under the test's
// control. At both ends it is a veth interface; their other ends are in a
// namespace of their own, between which the test itself carries the frames.
// What tc's netem does this does as well, and on every kernel: many are built
// without netem.
type cable struct {
	quality atomic.Pointer[quality]
}

// quality is what a cable does to frames. The zero value is a perfect cable.
type quality struct {
	cut   bool
	delay time.Duration // each way
	loss  float64       // the fraction of frames, each way
}

// set changes the cable, for the frames that enter it from now on.
func (c *cable) set(q quality) { c.quality.Store(&q) }

// lay connects two namespaces through a third: in each the interface called
// device gets the address, which is CIDR.
func lay(t *testing.T, middle namespace, device string, a namespace, addrA string, b namespace, addrB string) *cable {
	t.Helper()
	c := &cable{}
	c.set(quality{})
	endA := c.plug(t, middle, device+"a", a, device, addrA)
	endB := c.plug(t, middle, device+"b", b, device, addrB)
	var carriers sync.WaitGroup
	carriers.Go(func() { c.carry(endA, endB) })
	carriers.Go(func() { c.carry(endB, endA) })
	t.Cleanup(func() {
		endA.Close()
		endB.Close()
		carriers.Wait()
	})
	return c
}

// plug makes the veth pair of one end, and returns what reads and writes the
// frames of its far side.
func (c *cable) plug(t *testing.T, middle namespace, far string, ns namespace, device, addr string) *os.File {
	t.Helper()
	ip(t, "-n", string(middle), "link", "add", far, "type", "veth", "peer", "name", device, "netns", string(ns))
	ip(t, "-n", string(ns), "address", "add", addr, "dev", device)
	ip(t, "-n", string(ns), "link", "set", device, "up")
	ip(t, "-n", string(middle), "link", "set", far, "up")
	var f *os.File
	err := middle.in(func() (err error) {
		f, err = openDevice(far)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// openDevice opens an interface of this namespace for reading and writing
// frames. Each has a header that says what is left to be done about its
// checksum and segmentation, as no hardware has done it.
func openDevice(name string) (*os.File, error) {
	dev, err := net.InterfaceByName(name)
	if err != nil {
		return nil, err
	}
	const everything = unix.ETH_P_ALL
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), name)
	for _, option := range []int{unix.PACKET_VNET_HDR, unix.PACKET_IGNORE_OUTGOING} {
		if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, option, 1); err != nil {
			f.Close()
			return nil, fmt.Errorf("set up packet socket %s: %w", name, err)
		}
	}
	network := binary.BigEndian.AppendUint16(nil, everything)
	addr := &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(network), Ifindex: dev.Index}
	if err := unix.Bind(fd, addr); err != nil {
		f.Close()
		return nil, fmt.Errorf("bind packet socket %s: %w", name, err)
	}
	return f, nil
}

const (
	// maxFrame is more than the longest frame with its header: segmentation is
	// left to hardware that does not exist, so frames have up to 64 KiB.
	maxFrame = 128 << 10
	// maxInFlight bounds the frames within a cable, each way.
	maxInFlight = 4096
)

// carry takes frames from one end to the other until either is closed.
func (c *cable) carry(from, to *os.File) {
	type frame struct {
		bytes []byte
		due   time.Time
	}
	inFlight := make(chan frame, maxInFlight)
	var sender sync.WaitGroup
	sender.Go(func() {
		for f := range inFlight {
			time.Sleep(time.Until(f.due))
			to.Write(f.bytes) // a frame that is lost here is one more lost frame
		}
	})
	defer sender.Wait()
	defer close(inFlight)
	buf := make([]byte, maxFrame)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		q := c.quality.Load()
		if q.cut || rand.Float64() < q.loss {
			continue
		}
		select {
		case inFlight <- frame{append([]byte(nil), buf[:n]...), time.Now().Add(q.delay)}:
		default: // as by a switch whose buffers are full
		}
	}
}
