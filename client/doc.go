// Package client is the controller's API as Go functions: what zeek-client and
// the client commands of zeekfleet do, for programs. It speaks
// Management::Controller::API over the controller's WebSocket (spec
// management-api 3.1, zeek-client sections 5 and 6), and so works with
// zeekfleet's controller and with Zeek's.
//
// A method returns what the controller answered, failures included: a Result
// with Success false is an answer. Its error is non-nil only if there is no
// answer.
//
// The package owns one connection per Client and starts no goroutines.
package client
