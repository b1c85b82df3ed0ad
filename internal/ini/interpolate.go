package ini

import "strings"

// The bounds of a value that has references in it.
const (
	maxReferenceDepth = 10       // configparser's own limit
	maxValue          = 64 << 10 // in bytes; configparser has no such limit
)

// Value returns the value of e in section s: it replaces %(key)s by the value of
// that key in the section, and %% by a percent sign. It returns nil for a key
// without value. Errors name e's line.
func (f *File) Value(s *Section, e *Entry) (*string, error) {
	if e.Value == nil {
		return nil, nil
	}
	var b strings.Builder
	if err := f.interpolate(&b, s, e, *e.Value, 1); err != nil {
		return nil, err
	}
	return new(b.String()), nil
}

func (f *File) interpolate(b *strings.Builder, s *Section, e *Entry, rest string, depth int) error {
	if depth > maxReferenceDepth {
		return f.EntryError(e, "%q refers to other keys more than %d deep", Clip(e.Key), maxReferenceDepth)
	}
	for {
		plain, tail, found := strings.Cut(rest, "%")
		b.WriteString(plain)
		if b.Len() > maxValue {
			return f.EntryError(e, "%q is longer than %d bytes", Clip(e.Key), maxValue)
		}
		if !found {
			return nil
		}
		if after, ok := strings.CutPrefix(tail, "%"); ok {
			b.WriteByte('%')
			rest = after
			continue
		}
		key, after, ok := reference(tail)
		if !ok {
			return f.EntryError(e, "%q has a lone %% in its value: write %%%%", Clip(e.Key))
		}
		target := f.Lookup(s, strings.ToLower(key))
		if target == nil || target.Value == nil {
			return f.EntryError(e, "%q refers to %q, which has no value", Clip(e.Key), Clip(key))
		}
		target.Referred = true
		if !strings.Contains(*target.Value, "%") { // as in configparser, this is no further level
			b.WriteString(*target.Value)
		} else if err := f.interpolate(b, s, e, *target.Value, depth+1); err != nil {
			return err
		}
		rest = after
	}
}

// reference returns the key in a reference, and the text behind the reference.
// text begins behind the reference's percent sign.
func reference(text string) (key, after string, ok bool) {
	if !strings.HasPrefix(text, "(") {
		return "", "", false
	}
	key, after, ok = strings.Cut(text[1:], ")")
	if !ok || key == "" {
		return "", "", false
	}
	after, ok = strings.CutPrefix(after, "s")
	return key, after, ok
}
