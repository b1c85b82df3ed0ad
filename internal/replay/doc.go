// Package replay is a controller for tests of clients: it answers with what Zeek's
// controller has answered to zeek-client (testdata/vectors), or with what a test says. It
// checks that the requests are equivalent to zeek-client's. It starts one goroutine for
// each client, which ends with the client's connection.
package replay
