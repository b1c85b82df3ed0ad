// Package joined owns what an agent has since it joined a cluster: its keys, its
// certificates and those of its nodes, the authorities that it trusts, and their files;
// the two files that a host exchanges with its controller when it cannot reach the
// controller; and the decision when a certificate is renewed (design section 6).
//
// Credentials never change after they were made. Renewal is a machine without a clock.
// The package opens no sockets and starts no goroutines.
package joined
