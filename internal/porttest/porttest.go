// Package porttest reserves ports for tests of programs whose listening ports are
// settings, and for tests that need a port on which no program listens. It starts no
// goroutines.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are TCP ports of this host on which no program listens. Other tests that
// reserve ports get other ones. The kernel does not use these ports for outgoing
// connections, nor for listeners on port 0. It may use a port that a test has found
// by listening on port 0.
type Ports struct {
	held        net.Listener // listens on the first port, which reserves all ports of the block
	first, used int
}

// Size is the number of ports in a block. Ports itself listens on the first one. A block has
// room for the largest cluster of a test, which gets ports one after the other: beyond the
// block there may be one that another test has reserved.
const Size = 128

// The range of ports to reserve. It is above the ports of well-known services, and
// below the ports that the kernel chooses itself.
const lowest, highest = 10_000, 30_000

// Reserve finds a block of ports on which no program listens. The block belongs to
// the caller until Close.
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

// At returns the port with the index i, from 1 to Size-1. It panics for another i.
func (p *Ports) At(i int) uint16 {
	if i < 1 || i >= Size {
		panic(fmt.Sprintf("porttest: there is no port %d", i))
	}
	return uint16(p.first + i)
}

// Next returns the port with the next index, beginning with 1.
func (p *Ports) Next() uint16 {
	p.used++
	return p.At(p.used)
}

// Close gives the ports back.
func (p *Ports) Close() error { return p.held.Close() }
