package durable

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
)

// sealStart is what a seal begins with. Eight digits, a quote and a brace follow.
const sealStart = `,"sum":"`

// ErrDamaged says that a text does not match its checksum.
var ErrDamaged = errors.New("it is damaged: it does not match its checksum")

// castagnoli returns the table of the checksums. It is made at the first call: most commands need
// none.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Seal adds a field "sum" and a newline to the end of a JSON object. The field is a
// checksum of the text before it. The object must have a field, and none named "sum".
func Seal(object []byte) []byte {
	body := bytes.TrimSuffix(object, []byte("}"))
	return fmt.Appendf(bytes.Clone(body), sealStart+"%08x\"}\n", crc32.Checksum(body, castagnoli()))
}

// Unseal returns the object from which Seal made text. If text has no seal, Unseal
// returns text itself and false. The error is ErrDamaged. If the seal itself is
// damaged, Unseal takes the text for one without a seal.
func Unseal(text []byte) (object []byte, sealed bool, err error) {
	body, sum, ok := cutSeal(text)
	if !ok {
		return text, false, nil
	}
	if sum != crc32.Checksum(body, castagnoli()) {
		return nil, true, ErrDamaged
	}
	return append(bytes.Clone(body), '}'), true, nil
}

// cutSeal cuts the seal off a text.
func cutSeal(text []byte) (body []byte, sum uint32, ok bool) {
	rest, ok := bytes.CutSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte(`"}`))
	if !ok || len(rest) < len(sealStart)+8 {
		return nil, 0, false
	}
	rest, digits := rest[:len(rest)-8], rest[len(rest)-8:]
	body, ok = bytes.CutSuffix(rest, []byte(sealStart))
	if !ok {
		return nil, 0, false
	}
	for _, d := range digits {
		i := bytes.IndexByte([]byte("0123456789abcdef"), d)
		if i < 0 {
			return nil, 0, false
		}
		sum = sum<<4 | uint32(i)
	}
	return body, sum, true
}
