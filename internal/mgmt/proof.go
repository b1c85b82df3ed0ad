package mgmt

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strconv"
	"strings"
)

// Secret is shared by a node and its agent for one launch of the node. It has
// letters and digits only, at least minSecret. A program that knows the secret can
// make proofs. A proof fits one message, and does not reveal the secret.
type Secret string

const minSecret = 32

// Usable reports whether s is long enough, and has only letters and digits, which a
// script can contain without escaping.
func (s Secret) Usable() bool {
	return len(s) >= minSecret && !strings.ContainsFunc(string(s), func(r rune) bool {
		return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	})
}

// Proof returns the proof of a message of a kind with these parts. The function
// proof_of of our node script makes the same proof.
func (s Secret) Proof(kind string, parts ...string) string {
	var digests strings.Builder
	digests.WriteString(digest(kind))
	for _, p := range parts {
		digests.WriteString(digest(p))
	}
	return digest(string(s) + digest(string(s)+digests.String()))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (s Secret) proves(proof, kind string, parts ...string) bool {
	return s != "" && subtle.ConstantTimeCompare([]byte(proof), []byte(s.Proof(kind, parts...))) == 1
}

// Prove completes r with its proof.
func (r ProvenRequest) Prove(s Secret) ProvenRequest {
	r.Proof = s.Proof("request", r.parts()...)
	return r
}

// IsProven reports whether the proof of r was made with s.
func (r ProvenRequest) IsProven(s Secret) bool { return s.proves(r.Proof, "request", r.parts()...) }

func (r ProvenRequest) parts() []string {
	return append([]string{string(r.Node), strconv.FormatUint(r.Number, 10), string(r.ReqID)}, r.Action...)
}

// Prove completes r with its proof.
func (r ProvenResponse) Prove(s Secret) ProvenResponse {
	r.Proof = s.Proof("response", r.parts()...)
	return r
}

// IsProven reports whether the proof of r was made with s.
func (r ProvenResponse) IsProven(s Secret) bool { return s.proves(r.Proof, "response", r.parts()...) }

func (r ProvenResponse) parts() []string {
	success := "F"
	if r.Success {
		success = "T"
	}
	return []string{string(r.Node), string(r.ReqID), success, r.Text}
}

// Plain returns the answer without its proof.
func (r ProvenResponse) Plain() NodeDispatchResponse {
	res := Result{ReqID: r.ReqID, Success: r.Success, Node: r.Node}
	switch {
	case !r.Success:
		res.Error = r.Text
	case r.Text != "":
		res.Data = Text(r.Text)
	}
	return NodeDispatchResponse{ReqID: r.ReqID, Result: res}
}

// Prove completes n with its proof.
func (n NotifyNumber) Prove(s Secret) NotifyNumber {
	n.Proof = s.Proof("number", n.parts()...)
	return n
}

// IsProven reports whether the proof of n was made with s.
func (n NotifyNumber) IsProven(s Secret) bool { return s.proves(n.Proof, "number", n.parts()...) }

func (n NotifyNumber) parts() []string {
	return []string{string(n.Node), strconv.FormatUint(n.Number, 10)}
}
