// Package bus carries events between processes: an Endpoint with topics, local
// subscriptions, and peers that speak Broker's native protocol or WebSocket. It
// owns connections and queues; it does not know what the events mean.
//
// # Topics
//
// A topic matches a subscription that names a prefix of it, byte by byte.
//
// # Who gets what
//
//	from                     to
//	Publish                  native peers and WebSocket clients that want the topic
//	a native peer            local subscriptions, WebSocket clients
//	a WebSocket client       local subscriptions, other WebSocket clients, native peers
//
// Nothing goes back to where it came from, and nothing goes from one native
// peer to another. What comes in on Config.LocalTopics goes to local
// subscriptions, and WebSocket clients that keep up overhear it. Topics that
// begin with "<$>" go nowhere.
//
// # Order and limits
//
// Messages of one peer arrive in the order in which it sent them, after its
// PeerAdded and before its PeerLost; between peers there is no order. A
// subscription whose queue is full holds up the connections that have something
// for it, each of which has its own reader, and loses nothing. A peer whose queue
// is full is dropped; it returns by itself, and never slows another. Large
// messages are decoded and delivered one at a time, and what peers have sent of
// them is bounded for all together: beyond that, the peer that has sent most is
// dropped. The limits are fields of Config, DialConfig, WebSocketConfig and
// WebSocketClientConfig; what nobody has a reason to change is a constant beside
// what it bounds.
//
// What waits for newcomers and for WebSocket clients is bounded for all together as
// well: beyond that, the one for which most waits is dropped. A list that Share has
// been told of is encoded once for all messages that have it, and counts for none
// of them. Seats are limited: when all are taken, the newcomer that is idle longest
// makes room, and some seats are kept for root and the endpoint's own user.
//
// Newcomers, which this side has not dialed and nobody has introduced, are read
// at the pace that Config.Pace allows them, one by one and all together, so that
// no number of them takes up all of the process's time. Every frame counts, also
// those that are no messages, and so does what they are answered.
//
// # Native peers
//
// Of all connections with one peer, dialed or accepted, one survives: a further
// one is refused while the peer answers on the first, and replaces it otherwise.
// A peer that neither sends nor answers pings is lost after Config.MaxSilence.
// A message that breaks the protocol ends its connection. A message that is not for
// this endpoint is ignored; the log says how many there were.
//
// # Goroutines
//
// Serve, Dial and ServeWebSocket start theirs and return only when all have
// ended. When their context is done, each connection gets its goodbye and each
// subscription its PeerLost, within Config.GoodbyeTimeout each.
package bus
