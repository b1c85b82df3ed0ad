// Package backup carries the state of a controller from one place to another: between the
// files of a controller, what several controllers share, and a file of its own. So it makes
// backups, restores them, and is the way from one controller to several and back.
//
// A Source gives the state piece by piece, and a Sink takes the pieces. Copy connects them.
//
//   - NewDirectory reads the files of a controller, and NewDirectorySink writes them. What the
//     sink has written is put in place as a whole or not at all.
//   - NewEngine reads what the controllers of a cluster share, and NewEngineSink writes it.
//   - Write makes a file of a Source, and Read makes a Source of a file. The file is a tar
//     archive with checksums. A file that is damaged, or not whole, is refused with the place.
//
// A state has parts, which are entries of stores; feeds, which are numbered lines; and
// archives, which are the contents of bundles. A piece is at most as large as the largest
// entry: no archive and no feed is in memory as a whole.
//
// A backup has the keys of the cluster's authority in it. Files are for their owner alone.
//
// The package starts no goroutines.
package backup
