// Package web owns the HTTP API and the pages of a controller: who may ask, which requests
// each path makes, and what an attacker can use up. A page calls the functions of the API's
// operations, so it can do nothing that the API cannot.
//
// A Server reads no configuration of the cluster and decides nothing about it. It asks
// the cluster, the authority and the audit, which Config names. A role counts where the
// request is carried out, and not here.
//
// Serve starts the goroutines of net/http, one for each connection, and returns when all
// connections have ended. Take is for the listener of the port, which hands over each
// connection that is not for Zeek's WebSocket API.
package web
