// Package diag takes secrets out of what is said about a node, so that a report can be
// passed on. It knows secrets of two kinds: those of which it is told, and what looks like
// one. It notes what it has taken out.
//
// A text that a program prints can have secrets that look like nothing in particular. So a
// report says that its reader should look through it.
package diag
