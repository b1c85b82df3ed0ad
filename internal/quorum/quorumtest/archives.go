package quorumtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// maxAbout bounds what is known of an archive.
const maxAbout = 100_000

type archive struct{ about, content []byte }

type archivesOf struct{ e *Engine }

// Put implements quorum.Archives.
func (a archivesOf) Put(ctx context.Context, f quorum.Fence, hash string, about []byte, content io.Reader) error {
	if len(about) > maxAbout {
		return fmt.Errorf("what is known of the archive %s: %w", hash, store.ErrTooLarge)
	}
	var text []byte
	if content != nil {
		var err error
		if text, err = io.ReadAll(content); err != nil {
			return err
		}
	}
	return a.e.do(ctx, func() error {
		if err := a.e.c.holds(f); err != nil {
			return err
		}
		known, ok := a.e.c.archives[hash]
		if content == nil && !ok {
			return notThere(hash)
		}
		if content == nil {
			text = known.content
		}
		a.e.c.archives[hash] = archive{bytes.Clone(about), text}
		a.e.c.tell()
		return nil
	})
}

func notThere(hash string) error {
	return fmt.Errorf("the archive %s: %w", hash, fs.ErrNotExist)
}

// Remove implements quorum.Archives.
func (a archivesOf) Remove(ctx context.Context, f quorum.Fence, hash string) error {
	return a.e.do(ctx, func() error {
		if err := a.e.c.holds(f); err != nil {
			return err
		}
		delete(a.e.c.archives, hash)
		a.e.c.tell()
		return nil
	})
}

// List implements quorum.Archives.
func (a archivesOf) List(ctx context.Context) (all map[string][]byte, err error) {
	err = a.e.do(ctx, func() error {
		all = a.e.c.abouts()
		return nil
	})
	return all, err
}

// abouts returns what is known of each archive. mu is held.
func (c *Cluster) abouts() map[string][]byte {
	all := map[string][]byte{}
	for hash, a := range c.archives {
		all[hash] = bytes.Clone(a.about)
	}
	return all
}

// Fetch implements quorum.Archives.
func (a archivesOf) Fetch(ctx context.Context, hash string, w io.Writer) error {
	var content []byte
	err := a.e.do(ctx, func() error {
		known, ok := a.e.c.archives[hash]
		if !ok {
			return notThere(hash)
		}
		content = known.content
		return nil
	})
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

// Watch implements quorum.Archives.
func (a archivesOf) Watch(ctx context.Context, changed func(map[string][]byte)) error {
	return watch(ctx, a.e, a.e.c.abouts, whenNew(changed))
}
