// Package member keeps what a controller has since it belongs to a cluster of controllers:
// its place among the others, and the certificate with which their stores know each other.
// The authority of these certificates signs nothing else. So neither an agent nor a user can
// reach a store.
//
// All of it is in one file, member.json, in the directory of the controller. The file has a
// key, and nobody but its owner may read it. It is replaced as a whole. The package starts no
// goroutines.
package member
