package wire

import "fmt"

// DropCode says why a handshake has ended. Its numbers are those of Broker's error
// enum (spec broker-wire 3.6).
type DropCode uint8

// The codes that this program uses. The others have names only.
const (
	DropNone             DropCode = 0
	DropPeerIncompatible DropCode = 2
	DropPeerUnavailable  DropCode = 4
	DropInvalidMessage   DropCode = 20
	DropWrongMagic       DropCode = 38
	DropRedundant        DropCode = 39
	DropLogicError       DropCode = 40
)

// String returns Broker's name of the code, or its number.
func (c DropCode) String() string {
	if int(c) < len(dropNames) {
		return dropNames[c]
	}
	return fmt.Sprintf("code %d", uint8(c))
}

var dropNames = [...]string{
	"none", "unspecified", "peer_incompatible", "peer_invalid", "peer_unavailable",
	"peer_disconnect_during_handshake", "peer_timeout", "master_exists", "no_such_master", "no_such_key",
	"request_timeout", "type_clash", "invalid_data", "backend_failure", "stale_data",
	"cannot_open_file", "cannot_write_file", "invalid_topic_key", "end_of_file", "invalid_tag",
	"invalid_message", "invalid_status", "conversion_failed", "consumer_exists", "connection_timeout",
	"bad_member_function_call", "repeated_request_id", "broken_clone", "shutting_down",
	"invalid_peering_request", "repeated_peering_handshake_request", "unexpected_handshake_message",
	"invalid_handshake_state", "no_path_to_peer", "no_connector_available", "cannot_open_resource",
	"serialization_failed", "deserialization_failed", "wrong_magic_number", "redundant_connection",
	"logic_error", "invalid_json",
}
