package daemon

import (
	"encoding/pem"
	"os"
)

// sharedAuthority tells whether two PEM files have a certificate in common. Files
// that cannot be read have none; whoever loads them says so.
func sharedAuthority(one, other string) bool {
	mine := certificates(one)
	for der := range certificates(other) {
		if mine[der] {
			return true
		}
	}
	return false
}

// certificates returns the certificates of a PEM file, in DER.
func certificates(file string) map[string]bool {
	found := map[string]bool{}
	rest, err := os.ReadFile(file)
	for err == nil {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			found[string(block.Bytes)] = true
		}
	}
	return found
}
