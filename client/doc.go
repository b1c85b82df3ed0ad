// Package client makes a controller's API available as Go functions. It offers the
// same requests as zeek-client and as the client commands of zeekfleet. It works
// with zeekfleet's controller and with Zeek's: it speaks
// Management::Controller::API over the controller's WebSocket (spec
// management-api 3.1, zeek-client sections 5 and 6).
//
// A request returns the controller's answer. The answer may be a failure: a Result
// whose Success is false. The error is nil if the controller has answered.
//
//	c, err := client.Dial(ctx, client.Config{Address: "controller.example:2149"})
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	results, err := c.GetNodes(ctx)
//
// Terms have the same meaning as in Zeek: an instance is a host with an agent, a
// node is a Zeek process.
//
// A Client has one connection. Until Close, one goroutine reads from the connection.
package client
