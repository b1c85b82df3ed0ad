// Package hosttool runs commands of a host on behalf of admins of the cluster. It runs what
// the operator of the host has allowed and nothing else, without a shell, as another user, for
// a bounded time, and keeps a bounded part of the output. It starts no goroutine of its own.
package hosttool
