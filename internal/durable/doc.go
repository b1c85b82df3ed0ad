// Package durable writes and reads files that outlive crashes and power cuts. After
// a crash, a file has its old or its new content, never a part of it. The package
// starts no goroutines and has no state.
package durable
