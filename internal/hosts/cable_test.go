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

// cable connects two namespaces. The test controls the faults of the connection.
// In each of the two namespaces is one end of a veth pair. The other ends of both
// pairs are in a third namespace, and the test carries the frames between them.
// tc's netem could delay and drop frames too, but many kernels are built without
// netem.
type cable struct {
	quality atomic.Pointer[quality]
	carried atomic.Int64 // bytes, both ways
}

// quality says which faults a cable has. The zero value is a perfect cable.
type quality struct {
	cut   bool
	mute  bool          // nothing that the first end sends arrives
	deaf  bool          // nothing arrives at the first end
	delay time.Duration // each way
	loss  float64       // the fraction of frames, each way
	rate  int           // bits a second, each way; 0: no limit
}

// set changes the quality of the cable for all frames that enter it later.
func (c *cable) set(q quality) { c.quality.Store(&q) }

// lay connects the namespaces a and b through the namespace middle. In a and in b
// it makes an interface called device, with the address addrA or addrB in CIDR
// form.
func lay(t *testing.T, middle namespace, device string, a namespace, addrA string, b namespace, addrB string) *cable {
	t.Helper()
	c := &cable{}
	c.set(quality{})
	endA := c.plug(t, middle, device+"a", a, device, addrA)
	endB := c.plug(t, middle, device+"b", b, device, addrB)
	c.connect(t, endA, endB)
	return c
}

// connect carries frames between two ends until the end of the test.
func (c *cable) connect(t *testing.T, a, b *os.File) {
	var carriers sync.WaitGroup
	carriers.Go(func() { c.carry(a, b, func(q *quality) bool { return q.cut || q.mute }) })
	carriers.Go(func() { c.carry(b, a, func(q *quality) bool { return q.cut || q.deaf }) })
	t.Cleanup(func() {
		a.Close()
		b.Close()
		carriers.Wait()
	})
}

// plug makes the veth pair of one end of the cable. Reading and writing the file
// reads and writes the frames of the interface far, which is in middle.
func (c *cable) plug(t *testing.T, middle namespace, far string, ns namespace, device, addr string) *os.File {
	t.Helper()
	ip(t, "-n", string(middle), "link", "add", far, "type", "veth", "peer", "name", device, "netns", string(ns))
	if addr != "" {
		ip(t, "-n", string(ns), "address", "add", addr, "dev", device)
	}
	// A frame that the kernel has not divided would occupy a slow cable for long.
	ip(t, "-n", string(ns), "link", "set", device, "gso_max_segs", "1")
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

// openDevice opens an interface of this namespace for reading and writing frames.
// Each frame has a virtio header before it. The header says that the checksum or
// the segmentation of the frame is still to be done, as no hardware does them here.
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
	// maxFrame is more than the length of the longest frame with its header. The
	// kernel leaves segmentation to hardware, which does not exist here, so frames
	// have up to 64 KiB.
	maxFrame = 128 << 10
	// maxInFlight bounds the frames within a cable, each way.
	maxInFlight = 4096
)

// carry carries frames from one end to the other until one of the ends is closed. cut
// reports whether the cable is cut in this direction.
func (c *cable) carry(from, to *os.File, cut func(*quality) bool) {
	type frame struct {
		bytes []byte
		due   time.Time
	}
	inFlight := make(chan frame, maxInFlight)
	var sender sync.WaitGroup
	sender.Go(func() {
		for f := range inFlight {
			time.Sleep(time.Until(f.due))
			to.Write(f.bytes) // an error loses the frame, as any cable may
		}
	})
	defer sender.Wait()
	defer close(inFlight)
	buf := make([]byte, maxFrame)
	var free time.Time // when the frames so far are on the cable
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		q := c.quality.Load()
		if cut(q) || rand.Float64() < q.loss {
			continue
		}
		c.carried.Add(int64(n))
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		if q.rate > 0 {
			free = free.Add(time.Duration(n) * 8 * time.Second / time.Duration(q.rate))
		}
		select {
		case inFlight <- frame{append([]byte(nil), buf[:n]...), free.Add(q.delay)}:
		default: // the frame is lost, as in a switch with full buffers
		}
	}
}
