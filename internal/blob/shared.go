package blob

import (
	"errors"
	"fmt"
	"io"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Sharing shares archives with the other controllers of a cluster.
type Sharing struct {
	// Put shares an archive, before its upload is acknowledged, with what is known of it. A
	// nil open means that the others have the content, and that only about is new.
	Put func(hash string, about []byte, open func() (io.ReadCloser, error)) error
	// Remove removes an archive, before it is removed here.
	Remove func(hash string) error
}

// about returns the text of the file .about.
func (b Blob) about() []byte { return durable.Seal(form.Encode(aboutForm1{1, b.Files, b.Pushes})) }

// share shares an archive. Held has it from then on.
func (s *Store) share(b Blob, open func() (io.ReadCloser, error)) error {
	if s.cfg.Share.Put == nil {
		return nil
	}
	if open != nil {
		s.mu.Lock()
		s.sharing[b.Hash] = b.about()
		s.mu.Unlock()
	}
	if err := s.cfg.Share.Put(string(b.Hash), b.about(), open); err != nil {
		return fmt.Errorf("share a bundle with the other controllers: %w", err)
	}
	return nil
}

// unshared says that the sharing of an archive has ended, and that Held has what is stored.
func (s *Store) unshared(hash mgmt.BundleHash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sharing, hash)
}

// Held returns what is known of each archive, by hash, in the form in which it is shared.
func (s *Store) Held() (map[string][]byte, error) {
	held := map[string][]byte{}
	for _, b := range s.List() {
		held[string(b.Hash)] = b.about()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for hash, about := range s.sharing {
		held[string(hash)] = about
	}
	return held, nil
}

// About returns what is known of a stored archive, in the form in which it is shared.
func (s *Store) About(hash string) ([]byte, error) {
	b, ok := s.Get(mgmt.BundleHash(hash))
	if !ok {
		return nil, ErrNone
	}
	return b.about(), nil
}

// Take stores an archive that another controller has shared. A nil content means that the
// archive is stored, and that only about is new. The bounds of the store do not count: the
// controller that has shared the archive has kept them. If the content has another hash, the
// error is a *bundle.InvalidError.
func (s *Store) Take(hash string, about []byte, content io.Reader) error {
	of := mgmt.BundleHash(hash)
	var a aboutForm1
	if err := decode(about, &a); err != nil {
		return fmt.Errorf("take the bundle %.80s: %w", hash, err)
	}
	if err := s.claim(of); err != nil {
		return err
	}
	defer s.release(of)
	if b, ok := s.Get(of); ok {
		b.Files, b.Pushes = a.Files, a.Pushes
		return s.noted(b)
	}
	if content == nil {
		return ErrNone
	}
	// The beginning of an upload of the same archive would be in the way.
	if err := s.incoming.Remove(of); err != nil {
		return err
	}
	s.drop(of)
	if _, err := s.incoming.Append(of, 0, s.cfg.Bundle.MaxBytes(), content); err != nil {
		return errors.Join(fmt.Errorf("take the bundle %s: %w", of.Short(), err), s.incoming.Remove(of))
	}
	return s.took(of, a)
}

// took stores an archive whose bytes are there.
func (s *Store) took(hash mgmt.BundleHash, a aboutForm1) error {
	contents, err := s.verify(hash)
	if err != nil {
		return errors.Join(err, s.incoming.Remove(hash))
	}
	b := Blob{hash, contents.Size, len(contents.Entries), a.Pushes}
	if err := s.store(s.path(hash), b, contents.Entries); err != nil {
		return errors.Join(fmt.Errorf("take the bundle %s: %w", hash.Short(), err), s.incoming.Remove(hash))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[hash] = b
	return nil
}

// noted writes what is known of a stored archive.
func (s *Store) noted(b Blob) error {
	if err := s.write(s.path(b.Hash)+".about", aboutForm1{1, b.Files, b.Pushes}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[b.Hash] = b
	return nil
}

// Forget removes an archive here: the controllers share it no more.
func (s *Store) Forget(hash string) error {
	of := mgmt.BundleHash(hash)
	if err := s.claim(of); err != nil {
		return err
	}
	defer s.release(of)
	if _, ok := s.Get(of); !ok {
		return nil
	}
	return s.remove(of)
}
