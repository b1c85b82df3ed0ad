package launch

import (
	"errors"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// record3 is form 3 of a factsRecord, which a launch with bundles has. Its file has a
// checksum.
type record3 struct {
	Version int    `json:"version"`
	Launch  uint64 `json:"launch"`
	Facts   facts3 `json:"facts"`
}

type facts3 struct {
	facts2
	Bundles []form.Bundle `json:"bundles"`
}

// record2 is form 2 of a factsRecord. Its file has a checksum.
type record2 struct {
	Version int    `json:"version"`
	Launch  uint64 `json:"launch"`
	Facts   facts2 `json:"facts"`
}

type facts2 struct {
	facts1
	SocketTLS socketTLS2 `json:"socket_tls,omitzero"`
	ZeroMQ    zeroMQ2    `json:"zeromq,omitzero"`
	Broker    broker2    `json:"broker,omitzero"`
}

type socketTLS2 struct {
	Server      string `json:"server"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

type zeroMQ2 struct {
	XPub  uint16 `json:"xpub"`
	XSub  uint16 `json:"xsub"`
	Curve curve1 `json:"curve,omitzero"`
}

// record1 is form 1. Its file has a checksum.
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
const recordForm = 3

// encodeRecord returns the content of rec's file. A launch without bundles has form 2, which
// earlier versions read as well.
func encodeRecord(rec factsRecord) []byte {
	if len(rec.Facts.Bundles) == 0 {
		return durable.Seal(form.Encode(record2{2, rec.Launch, newFacts2(rec.Facts)}))
	}
	f := facts3{facts2: newFacts2(rec.Facts)}
	for _, b := range rec.Facts.Bundles {
		f.Bundles = append(f.Bundles, form.Bundle(b))
	}
	return durable.Seal(form.Encode(record3{recordForm, rec.Launch, f}))
}

func newFacts2(f Facts) facts2 {
	return facts2{
		facts1: facts1{
			Program: f.Program, Version: f.Version, Dir: f.Dir, StatusFile: f.StatusFile, WebSocketPort: f.WebSocketPort,
			Secret: f.Secret, Generated: f.Generated, KeepsLogs: f.KeepsLogs, LogSuffix: f.LogSuffix, Zone: f.Zone,
		},
		SocketTLS: socketTLS2(f.SocketTLS),
		ZeroMQ:    zeroMQ2{f.ZeroMQ.XPub, f.ZeroMQ.XSub, newCurve1(f.ZeroMQ.Curve)},
		Broker:    newBroker2(f.Broker),
	}
}

func (f facts1) facts() Facts {
	return Facts{
		Program: f.Program, Version: f.Version, Dir: f.Dir, StatusFile: f.StatusFile, WebSocketPort: f.WebSocketPort,
		Secret: f.Secret, Generated: f.Generated, KeepsLogs: f.KeepsLogs, LogSuffix: f.LogSuffix, Zone: f.Zone,
	}
}

func (f facts2) facts() Facts {
	facts := f.facts1.facts()
	facts.SocketTLS = SocketTLS(f.SocketTLS)
	facts.ZeroMQ = ZeroMQ{f.ZeroMQ.XPub, f.ZeroMQ.XSub, f.ZeroMQ.Curve.keys()}
	facts.Broker = f.Broker.broker()
	return facts
}

func (f facts3) facts() Facts {
	facts := f.facts2.facts()
	for _, b := range f.Bundles {
		facts.Bundles = append(facts.Bundles, mgmt.Bundle(b))
	}
	return facts
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
	case version > 0 && !sealed:
		return factsRecord{}, durable.ErrDamaged
	case version == 0:
		var f record0
		err = form.Decode(text, &f)
		return factsRecord{f.Launch, f.Facts.facts()}, err
	case version == 1:
		var f record1
		err = form.Decode(text, &f)
		return factsRecord{f.Launch, f.Facts.facts()}, err
	case version == 2:
		var f record2
		err = form.Decode(text, &f)
		return factsRecord{f.Launch, f.Facts.facts()}, err
	}
	var f record3
	err = form.Decode(text, &f)
	return factsRecord{f.Launch, f.Facts.facts()}, err
}
