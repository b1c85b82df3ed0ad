package bus

// link is one live connection of a peer, as the hub sees it. A *nativeLink is the
// link of a native peer, a *wsClient that of a WebSocket client. All methods are
// safe for concurrent use.
type link interface {
	// peer describes the other side. The description does not change.
	peer() *Peer
	// place returns the seat of the other side. The seat does not change.
	place() *seat
	// wants reports whether the other side has subscribed to topic.
	wants(topic string) bool
	// announced returns what the other side has announced.
	announced() Topics
	// meet says that the other side is no newcomer.
	meet()
	// send queues m and does not block. If the queue is full, the link closes
	// itself. send reports false then, and after the end of the link.
	send(m *outgoing) bool
	// answer is send for an answer to the other side. The answer is taken out of
	// the allowance of the other side.
	answer(m *outgoing) bool
	// traffic returns what the connection has carried until now.
	traffic() Traffic
	// close ends the connection because of reason. It does not block.
	close(reason error)
}
