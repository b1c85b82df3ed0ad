// Package durable writes and reads files that outlive crashes and power cuts. After
// a crash, a file is the old one or the new one, and never a part. The package
// starts no goroutines and keeps nothing.
package durable
