package blob

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Progress says how far an upload is.
type Progress struct {
	Offset   int64 // how many bytes are there
	Complete bool  // the archive is stored
}

// Begin begins an upload, or goes on with it. It says from which byte on. If the archive is
// stored already, Begin notes the new push and says that it is complete.
func (s *Store) Begin(hash mgmt.BundleHash, size int64, p Push) (Progress, error) {
	if err := s.claim(hash); err != nil {
		return Progress{}, err
	}
	defer s.release(hash)
	if err := mgmt.CheckBundleName(p.Name); err != nil {
		return Progress{}, err
	}
	if b, ok := s.Get(hash); ok {
		return Progress{b.Size, true}, s.note(b, p)
	}
	if most := s.cfg.Bundle.MaxBytes(); size < 1 || size > most {
		return Progress{}, &LimitError{fmt.Sprintf("the archive of the bundle has %d bytes; it may have up to %d", size, most)}
	}
	s.Expire(p.At)
	if err := s.makeRoom(hash, size, p); err != nil {
		return Progress{}, err
	}
	offset, err := s.incoming.Size(hash)
	if err != nil {
		return Progress{}, err
	}
	if offset > size {
		// One of the two sizes was wrong. The hash will tell.
		if err := s.incoming.Remove(hash); err != nil {
			return Progress{}, err
		}
		offset = 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploads[hash] = upload{size, true, p, p.At}
	return Progress{Offset: offset}, nil
}

// makeRoom returns a *LimitError if there is no room for an upload. Before that, other
// uploads give way.
func (s *Store) makeRoom(hash mgmt.BundleHash, size int64, p Push) error {
	for {
		err := s.room(hash, size)
		if err == nil {
			return nil
		}
		other, ok := s.givesWay(hash, size, p)
		if !ok || s.claim(other) != nil {
			return err
		}
		gone := s.incoming.Remove(other)
		if gone == nil {
			s.drop(other)
		}
		s.release(other)
		if gone != nil {
			return gone
		}
	}
}

// givesWay returns the upload that gives way to a new one: the one of the user with the most
// uploads with which nobody has gone on for the longest time. It must be idle, or its user
// must have more uploads than the pusher will have. So nobody keeps others out with uploads
// that were only begun.
func (s *Store) givesWay(hash mgmt.BundleHash, size int64, p Push) (mgmt.BundleHash, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored, number := int64(0), map[string]int{}
	for _, b := range s.blobs {
		stored += b.Size
	}
	for other, u := range s.uploads {
		if other != hash {
			number[u.push.By]++
		}
	}
	if stored+size > s.cfg.Bytes || len(s.blobs) >= s.cfg.Blobs {
		return "", false // no upload has the room
	}
	var least mgmt.BundleHash
	for other, u := range s.uploads {
		idle := p.At.Sub(u.changed) > s.cfg.Idle
		if other == hash || s.busy[other] || !idle && number[u.push.By] <= number[p.By]+1 {
			continue
		}
		before := s.uploads[least]
		if least == "" || cmp.Or(cmp.Compare(number[before.push.By], number[u.push.By]), u.changed.Compare(before.changed), cmp.Compare(other, least)) < 0 {
			least = other
		}
	}
	return least, least != ""
}

// note adds a push to what is known of a stored archive.
func (s *Store) note(b Blob, p Push) error {
	b.Pushes = pushed(p, b.Pushes, s.cfg.Names)
	if err := s.share(b, nil); err != nil {
		return err
	}
	return s.noted(b)
}

// ErrNotBegun says that bytes came for an upload that was not begun, or not since the
// restart of the controller, or that was dropped.
var ErrNotBegun = errors.New("no upload of this hash is going on; begin it, it goes on where it ended")

// source is where the bytes of an upload come from. Its errors are no errors of the disk.
type source struct{ io.Reader }

func (s source) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b)
	if err != nil && err != io.EOF {
		err = &ReadError{err}
	}
	return n, err
}

// Append adds bytes to an upload, which has offset bytes so far. When the last byte is
// there, the archive is checked and stored. If it is not that of a bundle, or has another
// hash, it is removed, and the error is a *bundle.InvalidError. If reading from r fails, the
// error is a *ReadError, and the upload can go on at the offset that is returned.
func (s *Store) Append(now time.Time, hash mgmt.BundleHash, offset int64, r io.Reader) (Progress, error) {
	if err := s.claim(hash); err != nil {
		return Progress{}, err
	}
	defer s.release(hash)
	if b, ok := s.Get(hash); ok {
		return Progress{b.Size, true}, nil
	}
	s.mu.Lock()
	u := s.uploads[hash]
	s.mu.Unlock()
	if !u.begun {
		return Progress{}, ErrNotBegun
	}
	size, err := s.incoming.Append(hash, offset, u.size, source{r})
	_, full := errors.AsType[*FullError](err)
	s.mu.Lock()
	u.changed = now
	s.uploads[hash] = u
	if full {
		delete(s.uploads, hash)
	}
	s.mu.Unlock()
	if err != nil || size < u.size {
		return Progress{Offset: size}, err
	}
	// Since now the archive waits for a deployment, however long the upload took.
	u.push.At = now
	return s.finish(hash, u)
}

// finish checks and stores an archive that is complete.
func (s *Store) finish(hash mgmt.BundleHash, u upload) (Progress, error) {
	contents, err := s.verify(hash)
	if _, bad := errors.AsType[*bundle.InvalidError](err); bad {
		s.drop(hash)
		return Progress{}, errors.Join(err, s.incoming.Remove(hash))
	}
	if err != nil {
		return Progress{Offset: u.size}, err
	}
	path := s.path(hash)
	b := Blob{hash, contents.Size, len(contents.Entries), []Push{u.push}}
	defer s.unshared(hash)
	if err := s.share(b, func() (io.ReadCloser, error) { return s.incoming.Open(hash) }); err != nil {
		return Progress{Offset: u.size}, err
	}
	if err := s.store(path, b, contents.Entries); err != nil {
		if IsFull(err) {
			s.drop(hash)
			err = &FullError{errors.Join(err, s.incoming.Remove(hash))}
		}
		return Progress{Offset: u.size}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, hash)
	s.blobs[hash] = b
	return Progress{b.Size, true}, nil
}

func (s *Store) verify(hash mgmt.BundleHash) (bundle.Contents, error) {
	f, err := s.incoming.Open(hash)
	if err != nil {
		return bundle.Contents{}, err
	}
	defer f.Close()
	return s.cfg.Bundle.Verify(f, hash, nil)
}

// store gives an archive its place. The archive comes last: with it everything is there.
func (s *Store) store(path string, b Blob, files []bundle.Entry) error {
	if err := s.cfg.Disk.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := s.write(path+".files", filesForm1{1, files}); err != nil {
		return err
	}
	if err := s.write(path+".about", aboutForm1{1, b.Files, b.Pushes}); err != nil {
		return err
	}
	if err := s.cfg.Disk.Rename(s.incoming.path(b.Hash), path); err != nil {
		return err
	}
	return errors.Join(s.cfg.Disk.SyncDir(filepath.Dir(path)), s.cfg.Disk.SyncDir(s.incoming.Dir))
}

// drop forgets an upload.
func (s *Store) drop(hash mgmt.BundleHash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, hash)
}

// Expire removes the uploads that nobody has gone on with for a long time. An error of the
// disk is logged: the upload is tried again at the next time.
func (s *Store) Expire(now time.Time) {
	s.mu.Lock()
	var old []mgmt.BundleHash
	for hash, u := range s.uploads {
		if now.Sub(u.changed) > s.cfg.MaxAge {
			old = append(old, hash)
		}
	}
	s.mu.Unlock()
	for _, hash := range old {
		if s.claim(hash) != nil {
			continue // somebody goes on with it
		}
		if err := s.incoming.Remove(hash); err != nil {
			s.cfg.Logger.Warn("an abandoned upload of a bundle stays", "bundle", hash, "err", err)
		} else {
			s.drop(hash)
		}
		s.release(hash)
	}
}
