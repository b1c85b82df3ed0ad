package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// Sum returns the checksum of a file.
func Sum(name string, content []byte) string { return hex.EncodeToString(sumOf(name, content)) }

// Reseal returns a sealed object with a seal that fits.
func Reseal(text []byte) []byte {
	i := bytes.LastIndex(text, []byte(`,"sum":"`))
	return durable.Seal(append(bytes.Clone(text[:i]), '}'))
}

// Objects of files.
var (
	SealedHead = durable.Seal(form.Encode(headForm1{Version: version}))
	SealedPart = durable.Seal(form.Encode(partForm1{Version: version, Revision: 1}))
	SealedEnd  = durable.Seal(form.Encode(archivedForm1{Version: version, Sum: hex.EncodeToString(sha(nil))}))
)

func sha(content []byte) []byte { sum := sha256.Sum256(content); return sum[:] }

// WriteFiles writes a backup file of these files, with checksums that fit, and its end.
func WriteFiles(w io.Writer, paths []string, contents [][]byte) bool {
	s := newTarSink(w)
	for i, path := range paths {
		if s.file(path, contents[i]) != nil {
			return false
		}
	}
	return s.Commit(context.Background()) == nil
}
