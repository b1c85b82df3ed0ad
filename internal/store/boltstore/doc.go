// Package boltstore keeps a daemon's entries in one local file, with
// go.etcd.io/bbolt.
//
// Promises:
//
//   - Changes are on disk, synced, before Save returns. A process that is killed
//     at any moment finds the last acknowledged ones again, or those that were
//     being saved.
//   - One process at a time holds a file. A second one gets ErrInUse.
//   - Opening never trusts the file. bbolt reads through a memory map and asserts
//     its own format, so that a damaged page would end the process. Open therefore
//     checks the structure itself first (verify.go) and answers ErrDamaged or
//     ErrForeign. Each entry has a checksum, which Open and Load check. Damage
//     never makes Open go back to older entries: every page is accounted for, and
//     both of bbolt's meta pages must be whole
//     (docs/decisions/0024-pages-are-read-before-bbolt.md).
//   - A file appears complete, so that an empty or a short one is damage.
//   - A file of an earlier format is converted: the new file takes the place of the
//     old one when it is complete. A file of a newer format is not changed.
//   - A write that fails (a full disk) leaves the previous entries current, the
//     store usable, and a later Save free to succeed.
//
// What is left to the kernel: a medium that fails under the memory map while
// the store is open ends the process with SIGBUS, and one that lies about
// fsync can lose what was acknowledged.
//
// The file has mode 0600, directories that had to be made 0700: it can hold
// keys. The package starts no goroutines.
package boltstore
