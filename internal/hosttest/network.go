package hosttest

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A Network is a switch to which hosts are connected.
type Network struct {
	t     testing.TB
	pid   string // of the process that holds the switch's namespace
	ports int    // so far
}

// NewNetwork makes a network without hosts.
func NewNetwork(t testing.TB) *Network {
	t.Helper()
	skipWhereImpossible(t)
	holder := exec.Command("unshare", "--net", "sh", "-c", "ip link add lan type bridge && ip link set lan up && echo ready && exec cat")
	holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatalf("make a network: %v", err)
	}
	t.Cleanup(func() {
		in.Close() // ends cat
		holder.Wait()
	})
	if n, err := out.Read(make([]byte, 10)); n == 0 {
		t.Fatalf("make a network: %v", err)
	}
	return &Network{t: t, pid: strconv.Itoa(holder.Process.Pid)}
}

// Connect gives a host the interface eth0 with this address, such as 192.0.2.1/24.
func (n *Network) Connect(h *Host, address string) {
	n.t.Helper()
	n.lay(h, "eth0", " && ip link set port master lan up")
	h.Run("ip address add " + address + " dev eth0 && ip link set eth0 up")
}

// Plug gives a host another interface, whose cable leads to no other host.
func (n *Network) Plug(h *Host, device string) {
	n.t.Helper()
	n.lay(h, device, " && ip link set port up")
	h.Run("ip link set " + device + " up")
}

// lay lays a cable from a device of h to a port of the switch.
func (n *Network) lay(h *Host, device, then string) {
	n.t.Helper()
	n.ports++
	port := "port" + strconv.Itoa(n.ports)
	line := "ip link add " + port + " type veth peer name " + device + " netns " + strconv.Itoa(h.pid) + strings.ReplaceAll(then, "port", port)
	if out, err := exec.Command("nsenter", "--target", n.pid, "--net", "sh", "-c", line).CombinedOutput(); err != nil {
		n.t.Fatalf("lay a cable to %s of %s: %v: %s", device, h.Name, err, strings.TrimSpace(string(out)))
	}
}
