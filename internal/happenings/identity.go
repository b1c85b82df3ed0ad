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

// Keep keeps a text. The error of its Load wraps fs.ErrNotExist if there is none.
type Keep interface {
	Load() ([]byte, error)
	Save(text []byte) error
}

// identityFile is the directory with the file that keeps the identity.
type identityFile string

func (dir identityFile) path() string { return filepath.Join(string(dir), "identity.json") }

// Load is the method of Keep.
func (dir identityFile) Load() ([]byte, error) { return durable.ReadRegular(dir.path(), 1<<10) }

// Save is the method of Keep.
func (dir identityFile) Save(text []byte) error {
	return durable.Replace(dir.path(), dir.path()+".new", text)
}

// ReloadIdentity reads the identity again: another controller of the cluster may have given it.
// If there is none, or if it is damaged, the log gives it the one that it has. So a controller
// calls it when it leads.
func (l *Log) ReloadIdentity() error {
	<-l.turn
	defer func() { l.turn <- struct{}{} }()
	text, err := l.cfg.Identity.Load()
	if errors.Is(err, fs.ErrNotExist) {
		return l.cfg.Identity.Save(identityText(l.ID()))
	}
	if err != nil {
		return err
	}
	is, err := decodeIdentity(text)
	if newer, ok := errors.AsType[*form.NewerError](err); ok {
		return newer
	}
	if err != nil {
		l.cfg.Logger.Warn("the identity of the log of happenings cannot be read: it gets another one", "err", err)
		return l.cfg.Identity.Save(identityText(l.ID()))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id = is.Log
	return nil
}

// readIdentity returns the identity of the log. If the log has none, it gets one. One that the
// controllers of a cluster share is not given here, where nobody knows who leads: the log has
// another one until ReloadIdentity.
func readIdentity(cfg Config) (string, error) {
	text, err := cfg.Identity.Load()
	if err == nil {
		var is identity1
		if is, err = decodeIdentity(text); err == nil {
			return is.Log, nil
		}
	}
	if newer, ok := errors.AsType[*form.NewerError](err); ok {
		return "", newer
	}
	if _, file := cfg.Identity.(identityFile); !file {
		cfg.Logger.Debug("the identity of the log of happenings is not known yet", "err", err)
		return newIdentity(), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		cfg.Logger.Warn("the identity of the log of happenings cannot be read: it gets another one", "dir", cfg.Dir, "err", err)
	}
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

// makeIdentity makes an identity and keeps it.
func makeIdentity(cfg Config) (string, error) {
	id := newIdentity()
	return id, cfg.Identity.Save(identityText(id))
}

func newIdentity() string {
	id := make([]byte, 12)
	rand.Read(id)
	return hex.EncodeToString(id)
}

func identityText(id string) []byte { return durable.Seal(form.Encode(identity1{Version: 1, Log: id})) }

// checkLog returns why a text is not the identity of a log.
func checkLog(id string) error {
	if raw, err := hex.DecodeString(id); err != nil || len(raw) != 12 {
		return errors.New("it is not the identity of a log")
	}
	return nil
}
