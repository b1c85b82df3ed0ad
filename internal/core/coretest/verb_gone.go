package coretest

import (
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// "gone CLIENT": a client's connection has ended.
func (s *controllerStage) gone(args *Args) error {
	s.step(controller.ClientGone{Client: mgmt.PeerID(args.Next())})
	return nil
}
