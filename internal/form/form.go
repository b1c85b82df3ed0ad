package form

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// NewerError says that a newer zeekfleet has written a text, in a form that this
// one does not know.
type NewerError struct {
	Form  int // the form of the text
	Known int // the newest form that this zeekfleet reads
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("written by a newer zeekfleet (form %d, known are up to %d); run that zeekfleet, or a later one", e.Form, e.Known)
}

// Version returns the form of a JSON object: the number in its field "version",
// or 0 if it has no such field. It returns a *NewerError if the form is greater
// than known. If "version" is a string, the text has form 0: crash records of form 0
// have Zeek's version there.
func Version(text []byte, known int) (int, error) {
	var head struct {
		Version json.RawMessage `json:"version"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return 0, fmt.Errorf("not a JSON object: %w", err)
	}
	if bytes.Equal(bytes.TrimSpace(text), []byte("null")) {
		return 0, errors.New("not a JSON object: null")
	}
	if len(head.Version) == 0 || head.Version[0] == '"' {
		return 0, nil
	}
	var version int
	if err := json.Unmarshal(head.Version, &version); err != nil || version < 1 {
		return 0, fmt.Errorf("%s is not the number of a form", head.Version)
	}
	if version > known {
		return 0, &NewerError{version, known}
	}
	return version, nil
}

// Decode reads a JSON object into the form that v points to. A field that the form
// does not have is an error.
func Decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

// Encode returns the JSON of a form. It panics if v cannot be encoded, which is a
// mistake in the program.
func Encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("form: encode %T: %v", v, err))
	}
	return text
}
