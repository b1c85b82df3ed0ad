// Package client is the controller's API as Go functions. A program can do with it
// what people do with zeek-client, or with the client commands of zeekfleet. It
// works with zeekfleet's controller and with Zeek's: it speaks
// Management::Controller::API over the controller's WebSocket (spec
// management-api 3.1, zeek-client sections 5 and 6).
//
// A request returns what the controller answered, failures included: a Result with
// Success false is an answer. The error is nil if there is an answer.
//
//	c, err := client.Dial(ctx, client.Config{Address: "controller.example:2149"})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	results, err := c.GetNodes(ctx)
//
// Zeek's words have Zeek's meaning: an instance is a host with an agent, a node is
// a Zeek process.
//
// A Client has one connection, and until Close one goroutine that reads from it.
package client
