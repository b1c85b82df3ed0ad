package launch

import "github.com/zeekfleet/zeekfleet/internal/zeek"

// ZeroMQ is how the nodes of a cluster find and recognise each other with the ZeroMQ
// backend. It must be the same for all of them.
type ZeroMQ struct {
	// XPub and XSub are the ports of the manager's proxy.
	XPub, XSub uint16
	// Curve is zero if the nodes have no keys.
	Curve zeek.CurveKeys
}
