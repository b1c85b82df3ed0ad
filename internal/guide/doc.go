// Command guide makes the documentation as a site: guide REFERENCE DIR writes an HTML page for
// each page of docs, and for the pages in the directory REFERENCE, into DIR. The pages of
// docs/guide come in the order in which its index names them. "make docs" calls it, after it has
// made REFERENCE from the program's own help.
//
// The package also owns the form of these pages (page.go). Its tests run every command of
// docs/guide, from the first page to the last, on hosts with systemd (package hosttest). It
// starts no goroutines.
package main
