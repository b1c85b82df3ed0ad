// Package access owns who may do what: the administrative requests with the lowest role
// that may make each, the answers to them, the roles of local users, and the principal
// behind an identity.
//
// The table of the requests of the Management API is in package mgmt; Table shows both
// tables as one. The package judges what it is given. It reads no file, asks no clock and
// starts no goroutines.
package access
