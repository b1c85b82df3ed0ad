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

// Seal returns a JSON object with a checksum of its text as last field, "sum",
// and a newline. The object has a field already, and none of that name.
func Seal(object []byte) []byte {
	body := bytes.TrimSuffix(object, []byte("}"))
	return fmt.Appendf(bytes.Clone(body), ",\"sum\":\"%08x\"}\n", crc32.Checksum(body, castagnoli))
}

// Unseal returns the object that Seal was given, and true; or a text that has no
// seal as it is, and false. A single damage does not make a sealed text look like
// one without a seal, unless it hit nothing but the seal.
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
