package happenings

import (
	"bytes"
	"strconv"
)

// readPlain reads the form of a record as encode writes it, if no text in it is escaped. That
// is nearly every line, and this is several times faster than form.Decode: a query may read
// ten thousand lines. For any other text it returns false, and form.Decode has to judge it.
func readPlain(object []byte) (r record1, ok bool) {
	rest, ok := bytes.CutPrefix(object, []byte("{"))
	for ok {
		var key, value []byte
		if key, rest, ok = cutPlainText(rest); !ok || len(rest) < 2 || rest[0] != ':' {
			return r, false
		}
		if rest = rest[1:]; rest[0] == '"' {
			if value, rest, ok = cutPlainText(rest); !ok {
				return r, false
			}
			ok = r.setText(string(key), value)
		} else {
			end := bytes.IndexAny(rest, ",}")
			if end < 0 {
				return r, false
			}
			value, rest = rest[:end], rest[end:]
			ok = r.setNumber(string(key), value)
		}
		if !ok || len(rest) == 1 && rest[0] == '}' {
			return r, ok
		}
		if rest, ok = bytes.CutPrefix(rest, []byte(",")); !ok {
			return r, false
		}
	}
	return r, false
}

// cutPlainText cuts a JSON text of printable ASCII without escapes off the start of rest.
func cutPlainText(rest []byte) (text, behind []byte, ok bool) {
	if len(rest) == 0 || rest[0] != '"' {
		return nil, nil, false
	}
	for i, c := range rest[1:] {
		switch {
		case c == '"':
			return rest[1 : 1+i], rest[2+i:], true
		case c < ' ' || c > '~' || c == '\\':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// setText sets the field with a key. It returns false if there is no such field, or if it is
// set already.
func (r *record1) setText(key string, value []byte) bool {
	var field *string
	switch key {
	case "time":
		field = &r.Time
	case "heard":
		field = &r.Heard
	case "kind":
		field = &r.Kind
	case "instance":
		field = &r.Instance
	case "node":
		field = &r.Node
	case "from":
		field = &r.From
	case "to":
		field = &r.To
	case "cause":
		field = &r.Cause
	case "who":
		field = &r.Who
	case "log":
		field = &r.Log
	case "alert":
		field = &r.Alert
	case "severity":
		field = &r.Severity
	}
	if field == nil || *field != "" {
		return false
	}
	*field = string(value)
	return true
}

// setNumber is setText for a whole number that is not below zero.
func (r *record1) setNumber(key string, value []byte) bool {
	if len(value) == 0 || len(value) > 1 && value[0] == '0' || value[0] < '0' || value[0] > '9' {
		return false
	}
	n, err := strconv.ParseInt(string(value), 10, 63)
	if err != nil {
		return false
	}
	switch {
	case key == "version" && r.Version == 0:
		r.Version = int(n)
	case key == "seq" && r.Seq == 0:
		r.Seq = uint64(n)
	case key == "operation" && r.Operation == 0:
		r.Operation = uint64(n)
	case key == "revision" && r.Revision == 0:
		r.Revision = uint64(n)
	case key == "pid" && r.PID == 0:
		r.PID = n
	case key == "log_seq" && r.LogSeq == 0:
		r.LogSeq = uint64(n)
	default:
		return false
	}
	return true
}
