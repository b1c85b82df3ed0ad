// Package carry carries streams of bytes between two daemons in messages (package mgmt,
// messages_bytes.go), which travel among all other messages of their connection. An Opener
// asks for streams and reads them. A Server writes them.
//
// A stream has few chunks on the way at any time: its reader lets the sender send another
// one only when it has taken one. So messages of others wait behind few chunks, and a slow
// reader stops the sender.
//
// A gentle sender (Config.Gentle) does not rely on the reader's window alone. It measures how
// long chunks are on the way, and has fewer there when they begin to wait for each other.
//
// A stream ends with a success, or with an error for people. It ends with an error when
// the peer is lost, when the peer says nothing, when nobody takes the chunks, and after
// Config.Life.
//
// The package has neither sockets nor files. It starts no goroutine: the caller of
// NewServer runs the sources. All methods are safe for concurrent use, and those that take
// messages never wait.
package carry
