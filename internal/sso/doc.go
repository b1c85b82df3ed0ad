// Package sso owns logins through a provider of identities with OpenID Connect: finding
// the provider, the code flow of a browser, the device flow of the command line, the
// check of ID tokens, and the role that the provider's groups give.
//
// The package trusts nothing that a browser or a client brings but what the provider has
// signed for this controller. It starts no goroutines of its own; the library for keys
// starts one for each request for keys, which ends with the request's timeout. A provider
// that is away makes logins fail, and nothing else.
package sso
