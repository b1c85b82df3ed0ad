// Package note has what every core may say: records for the log, and what has happened in
// the cluster. A shell writes them, and a test reads them.
package note

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// Note is a record for the log. Text is constant. An empty field does not apply.
type Note struct {
	Level    Level
	Text     string
	Instance mgmt.InstanceName
	Node     mgmt.NodeName
	Peer     mgmt.PeerID
	ReqID    mgmt.ReqID
	Rev      uint64 // of a configuration, among all that a controller has staged
	Err      string
}

// IsEffect makes a Note an effect of every core.
func (Note) IsEffect() {}

// Happened is for the log of what happens in the cluster. Its Time is set, its Seq and its
// Heard are not. A happening that is lost changes no decision of a core.
type Happened struct{ mgmt.Happening }

// IsEffect makes a Happened an effect of every core.
func (Happened) IsEffect() {}

// Level is a Note's severity, numbered as in log/slog.
type Level int

// The levels. Warn means that someone should look, Error that someone must.
const (
	Debug Level = -4
	Info  Level = 0
	Warn  Level = 4
	Error Level = 8
)
