package launch

import (
	"errors"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// record1 is form 1 of a factsRecord. Its file has a checksum.
type record1 struct {
	Version int    `json:"version"`
	Launch  uint64 `json:"launch"`
	Facts   facts1 `json:"facts"`
}

// record0 is form 0. The first versions wrote it without a checksum.
type record0 struct {
	Launch uint64 `json:"launch"`
	Facts  facts1 `json:"facts"`
}

type facts1 struct {
	Program       string      `json:"program"`
	Version       string      `json:"version,omitempty"`
	Dir           string      `json:"dir"`
	StatusFile    string      `json:"status_file,omitempty"`
	WebSocketPort uint16      `json:"websocket_port,omitempty"`
	Secret        mgmt.Secret `json:"secret,omitempty"`
	Generated     string      `json:"generated,omitempty"`
	KeepsLogs     bool        `json:"keeps_logs,omitempty"`
	LogSuffix     string      `json:"log_suffix,omitempty"`
	Zone          string      `json:"zone,omitempty"`
}

// recordForm is the newest form of a factsRecord.
const recordForm = 1

// encodeRecord returns the content of rec's file.
func encodeRecord(rec factsRecord) []byte {
	return durable.Seal(form.Encode(record1{recordForm, rec.Launch, facts1(rec.Facts)}))
}

// decodeRecord reads a factsRecord of any form.
func decodeRecord(text []byte) (factsRecord, error) {
	if len(text) == 0 {
		return factsRecord{}, errors.New("it is empty")
	}
	text, sealed, err := durable.Unseal(text)
	if err != nil {
		return factsRecord{}, err
	}
	version, err := form.Version(text, recordForm)
	switch {
	case err != nil:
		return factsRecord{}, err
	case version == 0:
		var f record0
		err = form.Decode(text, &f)
		return factsRecord{f.Launch, Facts(f.Facts)}, err
	case !sealed:
		return factsRecord{}, durable.ErrDamaged
	}
	var f record1
	err = form.Decode(text, &f)
	return factsRecord{f.Launch, Facts(f.Facts)}, err
}
