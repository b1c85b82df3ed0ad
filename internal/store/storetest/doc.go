// Package storetest is the test suite that every store.Store must pass.
package storetest
