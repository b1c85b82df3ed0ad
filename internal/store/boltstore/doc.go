// Package boltstore keeps a daemon's document in one local file, with
// go.etcd.io/bbolt.
//
// Promises:
//
//   - A document is on disk, synced, before Save returns; a process killed at
//     any moment finds the last acknowledged document again.
//   - One process at a time holds a file. A second one gets ErrInUse.
//   - Opening never trusts the file. bbolt reads through a memory map and
//     asserts its own format, so a damaged page would end the process; Open
//     therefore checks the structure itself first (verify.go) and answers
//     ErrDamaged or ErrForeign. Each document carries a checksum, which Load
//     checks. Damage never makes Open go back to an older document: every page
//     is accounted for, and both of bbolt's meta pages must be whole.
//   - A file appears complete, so that an empty or a short one is damage.
//   - A write that fails (a full disk) leaves the previous document current,
//     the store usable, and a later Save free to succeed.
//
// What is left to the kernel: a medium that fails under the memory map while
// the store is open ends the process with SIGBUS, and one that lies about
// fsync can lose what was acknowledged.
//
// The file has mode 0600, directories that had to be made 0700: it can hold
// keys. The package starts no goroutines.
package boltstore
