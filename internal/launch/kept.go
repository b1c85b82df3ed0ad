package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// kept is a value that an agent has chosen for the cluster whose nodes are all on its
// instance, in a file. It stays with the cluster. The zero value is not chosen yet.
type kept[T any] struct {
	kind keptKind[T]
	path string

	mu    sync.Mutex
	value T
}

// keptKind is the form of a kept value, and what messages say about it.
type keptKind[T any] struct {
	encode func(T) []byte
	decode func([]byte) (T, error)
	most   int // bytes of the file; zeekfleet's own is shorter

	file string // names the file
	lost string // says that the file cannot be read, and what follows
	save string // says what is saved
}

// openKept reads the file at path. The file is made when something is chosen. A damaged
// file counts as missing, and the log says so: each launch record has what living nodes
// use. A file of a newer zeekfleet is an error.
func openKept[T any](path string, kind keptKind[T], log *slog.Logger) (*kept[T], error) {
	k := &kept[T]{kind: kind, path: path}
	text, err := durable.ReadRegular(path, kind.most)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	var value T
	if err == nil {
		value, err = kind.decode(text)
	}
	if _, ok := errors.AsType[*form.NewerError](err); ok {
		return nil, fmt.Errorf("%s, %s, was %w", kind.file, path, err)
	}
	if err != nil {
		log.Warn(kind.lost, "path", path, "err", err)
		return k, nil
	}
	k.value = value
	return k, nil
}

func (k *kept[T]) current() T {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.value
}

// save makes a choice outlive the agent, and only then uses it.
func (k *kept[T]) save(value T) error {
	if err := durable.Replace(k.path, k.path+".new", k.kind.encode(value)); err != nil {
		return fmt.Errorf("save %s: %w", k.kind.save, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.value = value
	return nil
}
