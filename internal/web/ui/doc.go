// Package ui owns what the pages of a controller look like: the HTML of each page as a
// function of what it shows, the stylesheet, and the scripts.
//
// A page shows the types of the HTTP API (client/api), so it can show nothing that the API
// does not tell. Every text is escaped by gomponents. Paths in links are made by the functions
// of paths.go, which escape names; no other text becomes a URL, a style or a script.
//
// The package starts no goroutine and does no I/O.
package ui
