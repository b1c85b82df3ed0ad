package zeek

import (
	"crypto/ecdh"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// CurveKeys are the keys with which the nodes of a cluster encrypt ZeroMQ traffic.
// All nodes of a cluster have the same.
type CurveKeys struct{ Server, Client KeyPair }

// KeyPair is a CURVE key pair: X25519 keys, each as 40 characters of Z85.
type KeyPair struct{ Public, Secret string }

// NewCurveKeys makes keys from 64 bytes of random, which must be unpredictable.
// Callers pass crypto/rand's Reader, or a stream derived from a secret so that all
// hosts of a cluster make the same keys.
func NewCurveKeys(random io.Reader) (CurveKeys, error) {
	server, err := newKeyPair(random)
	if err != nil {
		return CurveKeys{}, err
	}
	client, err := newKeyPair(random)
	return CurveKeys{server, client}, err
}

func newKeyPair(random io.Reader) (KeyPair, error) {
	var secret [32]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return KeyPair{}, fmt.Errorf("make CURVE key: %w", err)
	}
	// NaCl clears and sets these bits when it stores a key. X25519 does the same
	// whenever it uses one.
	secret[0] &= 248
	secret[31] = secret[31]&127 | 64
	key, err := ecdh.X25519().NewPrivateKey(secret[:])
	if err != nil {
		return KeyPair{}, fmt.Errorf("make CURVE key: %w", err)
	}
	return KeyPair{Public: encodeZ85(key.PublicKey().Bytes()), Secret: encodeZ85(secret[:])}, nil
}

// check returns an error if a text is not a key, or if the two keys of a pair do
// not belong together. The error does not contain the keys.
func (k *CurveKeys) check() error {
	for _, p := range []struct {
		what string
		pair KeyPair
	}{{"server", k.Server}, {"client", k.Client}} {
		if err := p.pair.check(); err != nil {
			return fmt.Errorf("the CURVE keys of the %s: %w", p.what, err)
		}
	}
	return nil
}

func (p KeyPair) check() error {
	secret, err := decodeZ85(p.Secret)
	if err != nil {
		return fmt.Errorf("secret key: %w", err)
	}
	key, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		return fmt.Errorf("secret key: it has %d bytes, not 32", len(secret))
	}
	if encodeZ85(key.PublicKey().Bytes()) != p.Public {
		return errors.New("the public key does not belong to the secret one")
	}
	return nil
}

// z85 is the alphabet of Z85 (ZeroMQ RFC 32).
const z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"

// encodeZ85 returns data in Z85, five characters for four bytes. The length of
// data must be a multiple of four.
func encodeZ85(data []byte) string {
	var text []byte
	for ; len(data) >= 4; data = data[4:] {
		n := binary.BigEndian.Uint32(data)
		var group [5]byte
		for i := range group {
			group[4-i] = z85[n%85]
			n /= 85
		}
		text = append(text, group[:]...)
	}
	return string(text)
}

// decodeZ85 is the inverse of encodeZ85. It accepts one text per value.
func decodeZ85(text string) ([]byte, error) {
	if len(text)%5 != 0 {
		return nil, fmt.Errorf("Z85 text of %d characters is not in groups of five", len(text))
	}
	data := make([]byte, 0, len(text)/5*4)
	for ; len(text) > 0; text = text[5:] {
		var n uint64
		for i := range 5 {
			digit := strings.IndexByte(z85, text[i])
			if digit < 0 {
				return nil, errors.New("it contains a character that Z85 does not have")
			}
			n = n*85 + uint64(digit)
		}
		if n > 1<<32-1 {
			return nil, errors.New("it contains a Z85 group that stands for more than 32 bits")
		}
		data = binary.BigEndian.AppendUint32(data, uint32(n))
	}
	return data, nil
}
