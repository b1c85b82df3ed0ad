package api

import (
	"context"
	"net/url"
	"time"
)

// Hardware is what an agent has found out about its host, as far as workers depend on it.
type Hardware struct {
	Instance   string      `json:"instance"`
	Heard      time.Time   `json:"heard,omitzero" doc:"When the agent told this. Absent if nothing is known."`
	Err        string      `json:"err,omitempty" doc:"Why nothing is known, or nothing newer."`
	Processors []Processor `json:"processors" nullable:"false" doc:"The processors that are online."`
	Interfaces []NIC       `json:"interfaces" nullable:"false" doc:"The network interfaces, at most 256."`
	More       int         `json:"more_interfaces,omitempty" doc:"How many interfaces were left out."`
}

// Processor is a logical processor: a thread of a core.
type Processor struct {
	Number   int  `json:"number"`
	NUMANode int  `json:"numa_node" doc:"-1: it is not known."`
	Core     int  `json:"core" doc:"The lowest number of all threads of the same core."`
	Isolated bool `json:"isolated,omitempty" doc:"Whether the kernel runs only processes there that ask for it (isolcpus)."`
}

// NIC is a network interface.
type NIC struct {
	Name     string `json:"name"`
	NUMANode int    `json:"numa_node" doc:"-1: it belongs to none, or it is not known."`
	Driver   string `json:"driver,omitempty"`
	Queues   int    `json:"queues,omitempty" doc:"How many queues it has for received packets."`
}

// Machines has the requests about hosts as machines.
type Machines struct{ *caller }

// Hardware returns the hardware of the host of an instance. The controller asks the agent, if it
// is connected.
func (c Machines) Hardware(ctx context.Context, instance string) (h Hardware, err error) {
	return h, c.get(ctx, PathInstances+"/"+url.PathEscape(instance)+"/hardware", &h)
}
