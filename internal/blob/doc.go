// Package blob keeps the archives of bundles on the disk of a controller, by their hashes,
// and what is known of each: under which names it was pushed, by whom, and which files it
// has.
//
//	DIR/sha256/ab/<64 hex digits>        the archive
//	DIR/sha256/ab/<64 hex digits>.about  who has pushed it, sealed JSON
//	DIR/sha256/ab/<64 hex digits>.files  its files, sealed JSON
//	DIR/incoming/<64 hex digits>         the beginning of an archive that is on its way
//
// An archive appears under its name when it is complete, checked and synced, so a crash
// never leaves a damaged one there. An upload that was interrupted goes on where it ended,
// also after a restart. Everything is bounded: the bytes, the archives, the uploads at a
// time, and how long an abandoned upload stays.
//
// Incoming is the part for archives on their way. Agents use it too.
//
// The package starts no goroutines. All methods are for any goroutine.
package blob
