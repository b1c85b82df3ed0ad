package daemon

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Tally is told what a controller's core has done. Its methods must not wait. They are called
// in the loop of the controller.
type Tally interface {
	// Request says that a request was answered: its name in the table of requests.
	Request(name string, success bool, took time.Duration)
	// Operation says that an operation has ended.
	Operation(*mgmt.Operation)
}

// tallied is a core of which a Tally is told.
type tallied struct {
	stirring
	tally Tally
	open  map[openRequest]begunRequest
}

// openRequest is a request that was not answered yet.
type openRequest struct {
	client mgmt.PeerID
	id     mgmt.ReqID
}

type begunRequest struct {
	name string
	at   time.Time
}

// maxOpenRequests bounds the requests of which the beginning is remembered. Further ones are not
// told of.
const maxOpenRequests = 10_000

func (c *tallied) Step(now time.Time, ev controller.Event) []controller.Effect {
	switch ev := ev.(type) {
	case controller.FromClient:
		if req, ok := mgmt.AsRequest(ev.Msg); ok && len(c.open) < maxOpenRequests {
			c.open[openRequest{ev.Client, req.RequestID()}] = begunRequest{mgmt.KindOf(req).Name(), now}
		}
	case controller.ClientGone:
		for key := range c.open {
			if key.client == ev.Client {
				delete(c.open, key)
			}
		}
	}
	effects := c.stirring.Step(now, ev)
	for _, effect := range effects {
		switch e := effect.(type) {
		case controller.Reply:
			if answer, ok := e.Msg.(mgmt.Response); ok {
				c.answered(now, openRequest{e.Client, answer.RequestID()}, answer)
			}
		case controller.Happened:
			if h := e.Happening; h.Kind == mgmt.HappenedOperation && mgmt.OperationState(h.To).Ends() {
				c.ended(h.Operation)
			}
		}
	}
	return effects
}

func (c *tallied) answered(now time.Time, key openRequest, answer mgmt.Response) {
	begun, ok := c.open[key]
	if !ok {
		return
	}
	delete(c.open, key)
	success := true
	for _, r := range answer.Outcomes() {
		success = success && r.Success
	}
	c.tally.Request(begun.name, success, now.Sub(begun.at))
}

func (c *tallied) ended(id mgmt.OperationID) {
	for _, o := range c.Snapshot().Operations {
		if o.ID == id {
			c.tally.Operation(o)
		}
	}
}
