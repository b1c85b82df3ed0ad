// Package tail reads the end of a file that another program writes, and follows the file
// as it grows: also when it is emptied, and when a new file takes its place.
//
// The package knows how package proc rotates: the part of PATH that was before is PATH.1,
// the part before that is PATH.2. The file may be another user's, so no link is followed
// and no pipe is waited for.
//
// It starts no goroutine. The kernel says when a file changes; nothing is polled.
package tail
