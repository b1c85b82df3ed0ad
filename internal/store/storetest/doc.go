// Package storetest is the suite that every store.Store passes.
package storetest
