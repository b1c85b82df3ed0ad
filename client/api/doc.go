// Package api owns the HTTP API of a controller as its callers see it: the JSON of every
// resource and of every request, and a client.
//
// Times are RFC 3339 in UTC. Certificates, keys and signing requests are texts in PEM
// form. Lists come in pages. An error is a Problem (RFC 9457), in the words that the
// command line prints.
//
// A Client has the goroutines of the connections that it keeps, until Close.
package api
