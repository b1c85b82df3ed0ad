// Package websocket is the client half of Zeek's WebSocket API, version 1. It
// dials a server and holds a connection that publishes and receives events. The
// server may be ours or Zeek's.
//
// The package also holds the facts that both halves of the API need. Package bus
// is the server half. Package bus imports this package; this package never
// imports package bus.
//
// Dial starts one goroutine for each connection. The goroutine reads messages,
// and so answers the server's pings. Client.Close waits for the goroutine.
package websocket
