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

// Seal adds a field "sum" to the end of a JSON object, which has a checksum of the
// text before, and a newline. The object must have a field, and no field "sum".
func Seal(object []byte) []byte {
	body := bytes.TrimSuffix(object, []byte("}"))
	return fmt.Appendf(bytes.Clone(body), ",\"sum\":\"%08x\"}\n", crc32.Checksum(body, castagnoli))
}

// Unseal returns the object that Seal was given. A text without a seal is returned
// as it is, and sealed is false. One damage to a sealed text cannot pass for a text
// without a seal, except if it is in the seal alone.
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
