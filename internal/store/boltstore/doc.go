// Package boltstore keeps a daemon's entries in one local file, with
// go.etcd.io/bbolt.
//
// Promises:
//
//   - Changes are on disk, synced, before Save returns. If the process is killed, the
//     next one finds the entries of the last Save that returned, or those of the Save
//     that was running.
//   - Only one process at a time holds a file. A second one gets ErrInUse.
//   - Open does not trust the file. bbolt reads through a memory map and asserts its
//     own format, so a damaged page would end the process. So Open first checks the
//     structure itself (verify.go) and returns ErrDamaged or ErrForeign. Each entry
//     has a checksum, which Open and Load check. Damage never makes Open return older
//     entries: each page must be used or free, and both of bbolt's meta pages must be
//     intact (docs/decisions/0024-pages-are-read-before-bbolt.md).
//   - A new file is complete when it gets its name. So an empty or a short file is
//     damaged.
//   - Open converts a file of an earlier format. The new file replaces the old one when
//     it is complete. Open does not change a file of a newer format.
//   - If a write fails, for example on a full disk, the previous entries stay current,
//     and a later Save can succeed.
//
// The package cannot protect against two failures of a medium. If the medium fails
// while the store is open, the kernel ends the process with SIGBUS. If the medium
// reports a sync that it did not make, acknowledged changes can be lost.
//
// The file has mode 0600, and directories that Open makes have mode 0700, because the
// entries can contain keys. The package starts no goroutines.
package boltstore
