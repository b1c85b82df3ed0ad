package durable

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"regexp"
)

// ErrDamaged says that a text does not match its checksum.
var ErrDamaged = errors.New("it is damaged: it does not match its checksum")

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	seal       = regexp.MustCompile(`,"sum":"([0-9a-f]{8})"\}\n?$`)
)

// Seal adds a field "sum" and a newline to the end of a JSON object. The field is a
// checksum of the text before it. The object must have a field, and none named "sum".
func Seal(object []byte) []byte {
	body := bytes.TrimSuffix(object, []byte("}"))
	return fmt.Appendf(bytes.Clone(body), ",\"sum\":\"%08x\"}\n", crc32.Checksum(body, castagnoli))
}

// Unseal returns the object from which Seal made text. If text has no seal, Unseal
// returns text itself and false. The error is ErrDamaged. If the seal itself is
// damaged, Unseal takes the text for one without a seal.
func Unseal(text []byte) (object []byte, sealed bool, err error) {
	m := seal.FindSubmatchIndex(text)
	if m == nil {
		return text, false, nil
	}
	if want := fmt.Sprintf("%08x", crc32.Checksum(text[:m[0]], castagnoli)); string(text[m[2]:m[3]]) != want {
		return nil, true, ErrDamaged
	}
	return append(bytes.Clone(text[:m[0]]), '}'), true, nil
}
