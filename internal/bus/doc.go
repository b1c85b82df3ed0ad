// Package bus carries events between processes. An Endpoint has topics, local
// subscriptions and peers. A peer speaks Broker's native protocol or Zeek's
// WebSocket API. The package owns connections and queues. It does not know what
// events mean.
//
// # Topics
//
// A subscription names prefixes of topics. It gets the messages on every topic
// that begins with one of them, compared byte by byte.
//
// # Who gets a message
//
//	sender                receivers
//	Publish               native peers and WebSocket clients that want the topic
//	a native peer         local subscriptions, WebSocket clients
//	a WebSocket client    local subscriptions, other WebSocket clients, native peers
//
// The sender never gets its own message. No native peer gets a message of another
// native peer. Nobody gets a message on a topic that begins with "<$>".
//
// Config.LocalTopics are different. Local subscriptions get every message of a
// peer on such a topic. Other WebSocket clients get the message of a WebSocket
// client, unless they have fallen behind. Native peers get nothing.
//
// # Order
//
// A subscription gets the messages of one peer in the order in which the peer has
// sent them, after the peer's PeerAdded and before its PeerLost. There is no
// order between messages of different peers.
//
// # Limits
//
// A subscription whose queue is full loses no message. The connections that have
// a message for it are not read meanwhile. Each connection has its own reader.
//
// A peer whose queue is full is dropped. It never slows another peer down, and it
// may connect again.
//
// Large messages are decoded and delivered one at a time. Config.LargeBytes bounds
// the large messages of all peers together. When it is exceeded, the peer that has
// sent the most is dropped.
//
// Config.UnsentBytes bounds the messages that wait for newcomers and for WebSocket
// clients, all together. When it is exceeded, the one that has the most waiting is
// dropped. Share names a list that many messages contain: the list is encoded once
// and does not count.
//
// Config.MaxPeers bounds the peers. When all seats are taken, the newcomer that is
// idle longest is dropped in favour of the next peer. Config.ReservedPeers seats
// are kept for root and for the endpoint's own user.
//
// A newcomer is a peer that this side has not dialed and that Meet was not called
// for. Config.Pace bounds how much newcomers send, each of them and all together.
// Every frame counts, and so does every answer. So newcomers cannot take up all of
// the process's time, however many there are.
//
// The limits that somebody may want to change are fields of Config, DialConfig and
// WebSocketConfig. Each other limit is a constant beside the type that it bounds.
//
// # Native peers
//
// There is at most one peering with each native peer, whichever side has dialed. A
// further connection is refused while the peer answers on the first one. It
// replaces the first one if the peer does not answer. A peer that neither sends
// nor answers pings is lost after Config.MaxSilence. A message that breaks the
// protocol ends its connection. A message that is not for this endpoint is
// ignored. When the peer is lost, the log says how many messages were ignored.
//
// # Goroutines
//
// Serve, Dial and ServeWebSocket start goroutines, and return when all of them
// have ended. When the context ends, each peer gets a goodbye, and each
// subscription gets the PeerLost of each peer. Each of the two takes at most
// Config.GoodbyeTimeout.
package bus
