// Package codec maps what travels to what it means: an event's name and
// arguments to a message of package mgmt, and back (spec management-api
// sections 2 and 3).
//
// It reads tolerantly and writes strictly. Optional elements at the end of a
// record may be missing, as may trailing arguments for which Zeek's scripts
// have a default; surplus elements at the end of a record are ignored. What is
// written is always the full current form, as Zeek 8.2 sends it (spec
// management-api 7.1, G-P6).
//
// A decoded message shares no memory that could change: values are immutable.
// The elements of a decoded set are sorted in Broker's order, not in the sender's.
// Equal elements become one. The package does no I/O and starts no goroutines.
// Its functions may be called from several goroutines at a time.
//
// The table of events has one row for each type of message: controllerEvents,
// agentEvents, nodeEvents and fleetEvents. A row says how the arguments of the event
// are read and written. Functions called read… and methods of fields read, functions
// called …Value write.
package codec
