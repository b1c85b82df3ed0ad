// Package identity owns who a program or a person is: names in certificates, the
// cluster's own authority, requests for certificates, joining tokens, and the judgement
// of a certificate that somebody shows (design section 6).
//
// The package judges what it is given. It reads no file, opens no socket, and asks no
// clock: each function takes the time. It starts no goroutines. A Trust never changes
// after it was made, so that any goroutine may use it.
package identity
