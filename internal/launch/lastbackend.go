package launch

import (
	"errors"
	"log/slog"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// LastBackend keeps the cluster backend with which nodes were launched last. It outlives a
// reboot of the host, and an upgrade of Zeek that changes the default.
type LastBackend struct{ *kept[mgmt.Backend] }

var keptBackend = keptKind[mgmt.Backend]{
	encode: encodeBackend, decode: decodeBackend, most: 4 << 10,
	file: "the file with the backend of the cluster",
	lost: "the backend that the cluster had last cannot be read; if no node lives, the agent chooses again",
	save: "the backend of the cluster",
}

// OpenLastBackend reads the file at path. A damaged file counts as missing, and the log says
// so. A file of a newer zeekfleet is an error.
func OpenLastBackend(path string, log *slog.Logger) (*LastBackend, error) {
	k, err := openKept(path, keptBackend, log)
	if err != nil {
		return nil, err
	}
	return &LastBackend{k}, nil
}

// note saves a backend if it is another one than before. Nothing means that nobody knows it.
func (l *LastBackend) note(b mgmt.Backend) error {
	if l == nil || b == "" || l.current() == b {
		return nil
	}
	return l.save(b)
}

// backend returns the backend that a launch has used, and nothing if the record does not say.
func (f Facts) backend() mgmt.Backend {
	switch {
	case f.ZeroMQ != (ZeroMQ{}):
		return mgmt.ZeroMQBackend
	case f.Broker != (Broker{}):
		return mgmt.BrokerBackend
	}
	return ""
}

// backendForm is the newest form of a LastBackend.
const backendForm = 1

// backend1 is form 1. Its file has a checksum.
type backend1 struct {
	Version int          `json:"version"`
	Backend mgmt.Backend `json:"backend"`
}

func encodeBackend(b mgmt.Backend) []byte {
	return durable.Seal(form.Encode(backend1{backendForm, b}))
}

func decodeBackend(text []byte) (mgmt.Backend, error) {
	if len(text) == 0 {
		return "", errors.New("it is empty")
	}
	text, sealed, err := durable.Unseal(text)
	if err != nil {
		return "", err
	}
	if _, err := form.Version(text, backendForm); err != nil {
		return "", err
	}
	if !sealed {
		return "", durable.ErrDamaged
	}
	var f backend1
	if err := form.Decode(text, &f); err != nil {
		return "", err
	}
	return f.Backend, f.Backend.Check()
}
