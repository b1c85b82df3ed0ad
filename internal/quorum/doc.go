// Package quorum has the words for what the controllers of one cluster share: who leads,
// entries, feeds, archives and members. An Engine keeps all of it where the loss of a
// machine loses nothing. Package store/etcdstore is one.
//
// One controller leads. Its Fence is part of each of its writes. When another one leads,
// the writes of the earlier one fail with store.ErrConflict, even if it was stopped in the
// middle of one and goes on minutes later.
//
// This package starts no goroutines.
package quorum
