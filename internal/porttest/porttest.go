// Package porttest has ports for tests of programs that are told where to listen.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are TCP ports of this host on which nobody listens. The kernel does not
// give them to those who ask for any port, nor to connections that go out, as it
// does with ports that were found free by listening on any. Other tests that
// reserve ports get others.
type Ports struct {
	held        net.Listener // on the first one: who listens there has all of them
	first, used int
}

// Size is how many ports are reserved at a time; the first is taken already.
const Size = 40

// Between the ports of well-known services and those that the kernel gives away.
const lowest, highest = 10_000, 30_000

// Reserve finds ports that nobody uses. They are its caller's until Close.
func Reserve() (*Ports, error) {
	const blocks = (highest - lowest) / Size
	begin := rand.IntN(blocks)
	for i := range blocks {
		first := lowest + (begin+i)%blocks*Size
		held, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first))
		if err != nil {
			continue
		}
		if allFree(first+1, first+Size) {
			return &Ports{held: held, first: first}, nil
		}
		held.Close()
	}
	return nil, fmt.Errorf("porttest: all ports from %d to %d are in use", lowest, highest)
}

func allFree(from, to int) bool {
	for port := from; port < to; port++ {
		ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return false
		}
		ln.Close()
	}
	return true
}

// At returns one of the ports: 1 is the first that is not taken, Size-1 the last.
func (p *Ports) At(i int) uint16 {
	if i < 1 || i >= Size {
		panic(fmt.Sprintf("porttest: there is no port %d", i))
	}
	return uint16(p.first + i)
}

// Next returns one of the ports, another one each time.
func (p *Ports) Next() uint16 {
	p.used++
	return p.At(p.used)
}

// Close lets others reserve the ports.
func (p *Ports) Close() error { return p.held.Close() }
