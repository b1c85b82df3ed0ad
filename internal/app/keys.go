package app

import (
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
)

// sharedAuthority reports whether two PEM files have a certificate in common. A file
// that cannot be read counts as empty: the function that loads it returns the error.
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

// refuseSharedKey returns an error if the file with the nodes' key has the agent's own
// key: with that key a node could act as the agent. It does not report a missing file:
// the function that loads the file does.
func refuseSharedKey(nodes, agent string) error {
	if nodes == "" || agent == "" {
		return nil
	}
	theirs, err := os.Stat(nodes)
	if err != nil {
		return nil
	}
	own, err := os.Stat(agent)
	if err != nil {
		return nil
	}
	if os.SameFile(theirs, own) || sameText(nodes, agent) {
		return fmt.Errorf("zeek.tls_key %s is the agent's own key: a node with it could act as the agent; make a key for nodes", nodes)
	}
	return nil
}

// maxKey bounds a file with a key, in bytes.
const maxKey = 64 << 10

// sameText reports whether two files hold the same text, apart from blanks at
// both ends.
func sameText(a, b string) bool {
	read := func(path string) []byte {
		f, err := os.Open(path)
		if err != nil {
			return nil
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxKey))
		if err != nil {
			return nil
		}
		return bytes.TrimSpace(text)
	}
	text := read(a)
	return len(text) > 0 && bytes.Equal(text, read(b))
}
