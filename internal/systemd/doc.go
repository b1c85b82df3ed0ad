// Package systemd speaks with the service manager of this host: it says how a service is doing
// (sd_notify), finds the credentials of a service, and makes scopes for processes over D-Bus.
//
// The package has a small client of D-Bus of its own (decision 0053). A Manager opens a
// connection for each call and closes it at the end of the call. It starts no goroutines.
package systemd
