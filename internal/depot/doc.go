// Package depot keeps the bundles of a host: it fetches their archives, and unpacks each to
// a directory that never changes. Nodes load scripts and plugins from there.
//
//	STATE/bundles/<64 hex digits>/        the tree of a bundle
//	STATE/bundles/<64 hex digits>.about   its size, and when it was used last; sealed JSON
//	STATE/bundles/incoming/               archives on their way, and unfinished trees
//	STATE/data/NAME/current               a link to the tree of a data bundle
//
// A tree appears under its name when it is complete, checked against its hash, and synced.
// So a crash never leaves a part of one there, and a tree that is there is right. A fetch
// that was interrupted goes on where it ended, also after a restart. The link of a data
// bundle changes in one step, so a node that opens a file through it sees the old or the new
// tree.
//
// What a host does not need is collected. The bytes of all bundles are bounded.
//
// The package starts no goroutines. All methods are for any goroutine.
package depot
