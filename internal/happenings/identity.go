package happenings

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// identity1 is form 1 of the identity of a log. It is sealed by package durable.
type identity1 struct {
	Version int    `json:"version"`
	Log     string `json:"log"`
}

// ID returns the identity of the log.
func (l *Log) ID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.id
}

// Renew gives the log another identity: its files are an older copy of themselves, and
// others know records of it with numbers that it will give again.
func (l *Log) Renew() error {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	id, err := makeIdentity(l.cfg)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id = id
	return nil
}

func identityPath(cfg Config) string { return filepath.Join(cfg.Dir, "identity.json") }

// readIdentity returns the identity of the log in a directory. If the log has none, it gets
// one.
func readIdentity(cfg Config) (string, error) {
	text, err := durable.ReadRegular(identityPath(cfg), 1<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return makeIdentity(cfg)
	}
	if err == nil {
		var is identity1
		if is, err = decodeIdentity(text); err == nil {
			return is.Log, nil
		}
	}
	if newer, ok := errors.AsType[*form.NewerError](err); ok {
		return "", newer
	}
	cfg.Logger.Warn("the identity of the log of happenings cannot be read: it gets another one", "path", identityPath(cfg), "err", err)
	return makeIdentity(cfg)
}

func decodeIdentity(text []byte) (is identity1, err error) {
	object, sealed, err := durable.Unseal(text)
	if err == nil && !sealed {
		err = durable.ErrDamaged
	}
	if err != nil {
		return identity1{}, err
	}
	if _, err := form.Version(object, 1); err != nil {
		return identity1{}, err
	}
	if err := form.Decode(object, &is); err != nil {
		return identity1{}, err
	}
	if checkLog(is.Log) != nil {
		return identity1{}, durable.ErrDamaged
	}
	return is, nil
}

func makeIdentity(cfg Config) (string, error) {
	id := make([]byte, 12)
	rand.Read(id)
	is := identity1{Version: 1, Log: hex.EncodeToString(id)}
	path := identityPath(cfg)
	return is.Log, durable.Replace(path, path+".new", durable.Seal(form.Encode(is)))
}

// checkLog returns why a text is not the identity of a log.
func checkLog(id string) error {
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 12 {
		return errors.New("it is not the identity of a log")
	}
	return nil
}
