package bench

import (
	"bufio"
	"context"
	"io"
	"net"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/crowd"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
)

// standIn is an agent without nodes. It answers the controller as an agent of ours
// does: it is prepared for everything, restarts all of its nodes for each deployment,
// and tells each change of their states. It reads the names and the IDs of requests
// only. Decoding forty large configurations would take the processors that the
// controller needs.
type standIn struct {
	name     mgmt.InstanceName
	id       bus.ID
	nodes    []mgmt.Node
	statuses mgmt.NodeStatuses
	started  []mgmt.Result
	conn     net.Conn
}

func newStandIn(name mgmt.InstanceName, nodes []mgmt.Node) *standIn {
	s := &standIn{name: name, id: bus.NewID(), nodes: nodes}
	for i, n := range nodes {
		s.statuses = append(s.statuses, mgmt.NodeStatus{
			Node: n.Name, State: mgmt.Running, MgmtRole: mgmt.RoleNone, ClusterRole: n.Role, PID: new(int64(1000 + i)),
		})
		s.started = append(s.started, mgmt.Result{Success: true, Instance: name, Node: n.Name})
	}
	return s
}

// redialDelay is the pause of a stand-in before it connects again.
const redialDelay = 20 * time.Millisecond

// run keeps a peering with the controller until ctx is done.
func (s *standIn) run(ctx context.Context, controller string) {
	for ctx.Err() == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", controller)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			s.conn = conn
			s.serve()
			stop()
			conn.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(redialDelay):
		}
	}
}

// serve answers until the connection ends.
func (s *standIn) serve() {
	if !crowd.ShakeHands(s.conn, s.id, s.topic(), "zeek/fleet/agent/prepare/") {
		return
	}
	s.say(mgmt.NotifyAgentHello{Instance: s.name, ID: s.id.String(), Connecting: true, APIVersion: mgmt.APIVersion})
	in := bufio.NewReaderSize(s.conn, 256<<10)
	for {
		start, err := startOfMessage(in)
		if err != nil {
			return
		}
		m, err := wire.DecodeMessage(start)
		switch {
		case err != nil:
			return
		case m.Type == wire.TypePing:
			s.conn.Write(wire.AppendPong(nil, s.id, m))
		case m.Type == wire.TypeData:
			s.answer(question(m.Payload))
		}
	}
}

// startOfMessage returns the first bytes of a message, and skips the rest of it.
func startOfMessage(in *bufio.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	all := int(length[0])<<24 | int(length[1])<<16 | int(length[2])<<8 | int(length[3])
	start := make([]byte, min(all, 1024))
	if _, err := io.ReadFull(in, start); err != nil {
		return nil, err
	}
	_, err := in.Discard(all - len(start))
	return start, err
}

// question returns the name of the event that payload begins with, and its first
// argument, which is a text. They are empty if payload begins differently.
func question(payload []byte) (event string, id mgmt.ReqID) {
	const (
		toName = 2 + 9 + 9 + 2 // a vector, two counts, and another vector
		toArgs = 2             // a vector
	)
	name, rest := shortText(payload, toName)
	text, _ := shortText(rest, toArgs)
	return name, mgmt.ReqID(text)
}

// shortText returns the text that begins there, if it has less than 128 bytes, and
// the bytes that follow it.
func shortText(payload []byte, at int) (text string, rest []byte) {
	const tag = 5
	if len(payload) < at+2 || payload[at] != tag || len(payload) < at+2+int(payload[at+1]) {
		return "", nil
	}
	end := at + 2 + int(payload[at+1])
	return string(payload[at+2 : end]), payload[end:]
}

// answer does what an event asks for, and says so.
func (s *standIn) answer(event string, id mgmt.ReqID) {
	done := mgmt.Result{Success: true, Instance: s.name}
	switch event {
	case codec.Name(mgmt.AgentWelcomeRequest{}):
		s.say(mgmt.AgentWelcomeResponse{ReqID: id, Result: done})
	case codec.Name(mgmt.AgentGetNodesRequest{}):
		done.Data = s.statuses
		s.say(mgmt.AgentGetNodesResponse{ReqID: id, Result: done})
	case codec.Name(mgmt.AgentPrepareRequest{}):
		s.say(mgmt.AgentPrepareResponse{ReqID: id, Results: []mgmt.Result{done}})
	case codec.Name(mgmt.AgentDeployRequest{}):
		s.restart()
		s.say(mgmt.AgentDeployResponse{ReqID: id, Results: s.started})
	}
}

// restart tells the changes of nodes that start again.
func (s *standIn) restart() {
	var all []mgmt.Message
	for _, n := range s.nodes {
		all = append(all, mgmt.NotifyChange{Instance: s.name, Node: n, Old: mgmt.Running, New: mgmt.Pending})
	}
	for _, n := range s.nodes {
		all = append(all, mgmt.NotifyChange{Instance: s.name, Node: n, Old: mgmt.Pending, New: mgmt.Running})
	}
	s.say(all...)
}

func (s *standIn) topic() string { return mgmt.AgentTopics + "/" + string(s.name) }

// say publishes messages on the agent's topic.
func (s *standIn) say(messages ...mgmt.Message) {
	var frames []byte
	for _, m := range messages {
		v := codec.Encode(m)
		frames = wire.AppendDataHeader(frames, s.id, s.topic(), native.Size(v))
		frames = native.Append(frames, v)
	}
	s.conn.Write(frames)
}
