// Package resident gives pages of the program's own file back that this process needed only for its
// start. It starts no goroutines.
package resident
