// Package ssotest is a provider of identities for tests: a real one, in this process,
// with TLS, with users and groups, with pages for logging in and for consent, and with
// the device flow. Its tokens are signed, and its keys are published.
//
// A Provider's goroutines are those of its server, until the test ends.
package ssotest
