package api

import (
	"fmt"
	"net/http"
	"strings"
)

// NoAPIError says that the program at an address answers, and is no controller of
// zeekfleet.
type NoAPIError struct {
	Address string
	// Zeek says that it seems to be Zeek's own controller, which has no HTTP API.
	Zeek   bool
	Reason string
}

// Error names the address and the reason.
func (e *NoAPIError) Error() string {
	return fmt.Sprintf("the program at %s has no HTTP API of zeekfleet: %s", e.Address, e.Reason)
}

// foreign returns an error if an answer cannot be one of zeekfleet. It reads no body: a
// server that is no HTTP server may never end it.
func (c *caller) foreign(answer *http.Response) error {
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusUpgradeRequired:
	default:
		return nil
	}
	server := answer.Header.Get("Server")
	if server == "zeekfleet" || strings.HasPrefix(answer.Header.Get("Content-Type"), "application/problem+json") || answer.Header.Get("Zeekfleet-Server") != "" {
		return nil
	}
	if strings.HasPrefix(server, "ixwebsocket/") { // the library of Zeek's WebSocket server
		return &NoAPIError{Address: c.cfg.Address, Zeek: true, Reason: "it is Zeek's own controller"}
	}
	if answer.StatusCode == http.StatusBadRequest {
		return nil // a server may refuse the request before it knows what is asked
	}
	return &NoAPIError{Address: c.cfg.Address, Reason: "it has answered " + printable(answer.Status)}
}
