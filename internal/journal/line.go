package journal

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// ReadHead returns the head of a sealed line of form 1 without its newline, the JSON object
// in the line, and the part of the object behind its time. The error is a *form.NewerError
// if a newer zeekfleet has written the line.
func ReadHead(line []byte) (h Head, object, rest []byte, err error) {
	object, sealed, err := durable.Unseal(line)
	if err == nil && !sealed {
		err = durable.ErrDamaged
	}
	if err != nil {
		return Head{}, nil, nil, err
	}
	rest, ok := bytes.CutPrefix(object, []byte(`{"version":1,"seq":`))
	if !ok {
		return Head{}, nil, nil, otherForm(object)
	}
	number, rest, found := bytes.Cut(rest, []byte(`,"time":"`))
	moment, rest, ends := bytes.Cut(rest, []byte(`"`))
	if !found || !ends {
		return Head{}, nil, nil, durable.ErrDamaged
	}
	if h.Seq, err = strconv.ParseUint(string(number), 10, 63); err != nil { // there is always a next one
		return Head{}, nil, nil, fmt.Errorf("the number of a record: %w", err)
	}
	if h.Time, err = time.Parse(time.RFC3339Nano, string(moment)); err != nil {
		return Head{}, nil, nil, fmt.Errorf("the time of a record: %w", err)
	}
	return h, object, rest, nil
}

// otherForm returns the error of a line that does not begin as form 1 does.
func otherForm(object []byte) error {
	if _, err := form.Version(object, 1); err != nil {
		return err
	}
	return durable.ErrDamaged
}
