// Package storetest is the suite that every store.Historian passes.
package storetest
