package coretest

import (
	"cmp"
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "notify PEER error|log NODE TEXT [as=INSTANCE]" and "notify PEER change NODE OLD
// NEW [as=INSTANCE]": an agent sends a notification about its own instance or
// another. NODE "" is the agent itself. "notify PEER fetching KIND BUNDLE DONE TOTAL": an
// agent fetches a bundle for the last request of that kind that it got.
func (s *controllerStage) notify(args *Args) error {
	as, _ := args.Value("as")
	peer, what, node := mgmt.PeerID(args.Next()), args.Next(), mgmt.NodeName(args.Next())
	instance := cmp.Or(mgmt.InstanceName(as), s.introduced[peer])
	var msg mgmt.Message
	switch what {
	case "error":
		msg = mgmt.NotifyError{Instance: instance, Node: node, Msg: args.Next()}
	case "log":
		msg = mgmt.NotifyLog{Instance: instance, Node: node, Msg: args.Next()}
	case "change":
		msg = mgmt.NotifyChange{Instance: instance, Node: mgmt.Node{Name: node},
			Old: mgmt.State(args.Next()), New: mgmt.State(args.Next())}
	case "fetching":
		request, ok := s.asked[peer][string(node)]
		if !ok {
			return fmt.Errorf("nobody asked %s of %s", node, peer)
		}
		msg = mgmt.NotifyFetching{
			ReqID: request.RequestID(), Instance: instance, Bundle: args.Next(), Done: int64(args.number()), Total: int64(args.number()),
		}
	default:
		return fmt.Errorf("unknown notification %q", what)
	}
	s.step(controller.FromAgent{Peer: peer, Instance: instance, Msg: msg})
	return nil
}
