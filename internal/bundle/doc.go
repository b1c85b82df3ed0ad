// Package bundle owns the archives of bundles: directory trees of scripts, plugins and data
// that nodes use.
//
// Each tree has exactly one archive. The archive is an uncompressed USTAR file, in which
// everything is fixed that can be chosen: the order of the files, their modes, times and
// owners, and each byte of a header. So the SHA-256 of the archive names the tree. A reader
// renders each header anew and refuses an archive with another spelling.
//
// A tree has regular files and links. A link leads to a file or a directory of the same
// tree. Directories are implied, so an empty one is left out. What a tree may have is
// checked on both ways, when it is packed and when it is read.
//
// The package starts no goroutines and has no state.
package bundle
