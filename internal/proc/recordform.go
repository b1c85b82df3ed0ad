package proc

import (
	"errors"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// record1 is form 1 of a Record. Its file has a checksum (durable.Seal).
type record1 struct {
	Version     int       `json:"version"`
	Name        string    `json:"name"`
	Launch      uint64    `json:"launch"`
	PID         int       `json:"pid"`
	StartTicks  uint64    `json:"start_ticks"`
	BootID      string    `json:"boot_id"`
	Executable  string    `json:"executable"`
	Fingerprint string    `json:"fingerprint"`
	Started     time.Time `json:"started"`
	Stdout      output1   `json:"stdout"`
	Stderr      output1   `json:"stderr"`
}

type output1 struct {
	Path   string `json:"path"`
	Offset int64  `json:"offset"`
}

// record0 is form 0 of a Record. The first versions of zeekfleet wrote it without a
// checksum.
type record0 struct {
	Name       string    `json:"name"`
	Launch     uint64    `json:"launch"`
	PID        int       `json:"pid"`
	StartTicks uint64    `json:"start_ticks"`
	BootID     string    `json:"boot_id"`
	Executable string    `json:"executable"`
	PlanHash   string    `json:"plan_hash"`
	Started    time.Time `json:"started"`
	Stdout     output1   `json:"stdout"`
	Stderr     output1   `json:"stderr"`
}

// recordForm is the newest form of a Record.
const recordForm = 1

// encodeRecord returns the content of r's file.
func encodeRecord(r Record) []byte {
	return durable.Seal(form.Encode(record1{
		recordForm, r.Name, r.Launch, r.PID, r.StartTicks, r.BootID, r.Executable, r.Fingerprint, r.Started,
		output1(r.Stdout), output1(r.Stderr),
	}))
}

// decodeRecord reads a Record of any form.
func decodeRecord(text []byte) (Record, error) {
	text, sealed, err := durable.Unseal(text)
	if err != nil {
		return Record{}, err
	}
	version, err := form.Version(text, recordForm)
	switch {
	case err != nil:
		return Record{}, damaged(err)
	case version == 0:
		return decodeRecord0(text)
	case !sealed:
		return Record{}, durable.ErrDamaged
	}
	var f record1
	if err := form.Decode(text, &f); err != nil {
		return Record{}, damaged(err)
	}
	return Record{
		f.Name, f.Launch, f.PID, f.StartTicks, f.BootID, f.Executable, f.Fingerprint, f.Started, Output(f.Stdout), Output(f.Stderr),
	}, nil
}

func decodeRecord0(text []byte) (Record, error) {
	var f record0
	if err := form.Decode(text, &f); err != nil {
		return Record{}, damaged(err)
	}
	return Record{
		f.Name, f.Launch, f.PID, f.StartTicks, f.BootID, f.Executable, f.PlanHash, f.Started, Output(f.Stdout), Output(f.Stderr),
	}, nil
}

// damaged returns an error that says that a record is damaged. If a newer zeekfleet
// has written the record, it returns err itself.
func damaged(err error) error {
	if isNewer(err) {
		return err
	}
	return fmt.Errorf("it is damaged: %w", err)
}

// isNewer reports whether err says that a newer zeekfleet has written a record.
func isNewer(err error) bool {
	_, ok := errors.AsType[*form.NewerError](err)
	return ok
}
