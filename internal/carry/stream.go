package carry

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Stream is a stream that this side has opened. One goroutine at a time may read it.
type Stream struct {
	opener  *Opener
	id      mgmt.StreamID
	peer    string
	release func() // of the context
	wake    chan struct{}

	rest  string // of the chunk that is being read; belongs to the reader
	taken int    // chunks that were read and not granted again; belongs to the reader

	mu      sync.Mutex
	chunks  []string
	heard   bool  // the peer has sent something
	granted int   // chunks that the peer may send
	err     error // nil while the stream goes on; io.EOF after a success
	over    bool  // the peer knows that it need not send more
}

// Read implements io.Reader. At the end of a stream that is not whole, the error is a
// *mgmt.StreamError, or the cause of the context's end. It comes after all bytes that have
// arrived before it, unless the context has ended.
func (s *Stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for s.rest == "" {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Begin waits until the peer has begun to send, or has sent everything. It returns the
// error of a stream that ends before any bytes.
func (s *Stream) Begin() error {
	return s.wait(func() (bool, error) {
		switch {
		case len(s.chunks) > 0 || s.err == io.EOF:
			return true, nil
		case s.err != nil:
			return true, s.err
		}
		return s.heard, nil
	})
}

// next waits for the next chunk.
func (s *Stream) next() error {
	err := s.wait(func() (bool, error) {
		if len(s.chunks) == 0 {
			return s.err != nil, s.err
		}
		s.rest = s.chunks[0]
		s.chunks = s.chunks[1:]
		return true, nil
	})
	if err == nil {
		s.grant()
	}
	return err
}

// wait waits until over returns true, and returns its error. over holds mu.
func (s *Stream) wait(over func() (bool, error)) error {
	silence := time.NewTimer(s.opener.cfg.Silence)
	defer silence.Stop()
	for {
		s.mu.Lock()
		done, err := over()
		s.mu.Unlock()
		if done {
			return err
		}
		select {
		case <-s.wake:
			silence.Reset(s.opener.cfg.Silence)
		case <-silence.C:
			s.cancel(fault(mgmt.StreamLost, fmt.Sprintf("the %s has said nothing for %v", s.opener.cfg.Sender, s.opener.cfg.Silence)))
		}
	}
}

// grant lets the peer send more, when half of the window was read. A gentle sender hears of
// each chunk, because it measures how long chunks are on the way.
func (s *Stream) grant() {
	s.taken++
	if s.taken < max(1, s.opener.cfg.Window/2) && !s.opener.cfg.Gentle {
		return
	}
	n := s.taken
	s.taken = 0
	s.mu.Lock()
	s.granted += n
	going := s.err == nil
	s.mu.Unlock()
	if going {
		s.opener.send(s.peer, mgmt.StreamCredit{Stream: s.id, Chunks: uint64(n)})
	}
}

// chunk takes a chunk of the peer.
func (s *Stream) chunk(data string) {
	s.mu.Lock()
	s.heard = true
	switch {
	case s.err != nil:
		s.mu.Unlock()
		return
	case data == "":
	case s.granted == 0 || len(data) > mgmt.MaxChunk:
		s.mu.Unlock()
		s.cancel(fault(mgmt.StreamFailed, "the "+s.opener.cfg.Sender+" has sent more than it may"))
		return
	default:
		s.granted--
		s.chunks = append(s.chunks, data)
	}
	s.mu.Unlock()
	s.signal()
}

// ended takes the peer's word that the stream is over.
func (s *Stream) ended(msg mgmt.StreamEnd) {
	if msg.Code == "" {
		s.end(io.EOF)
		return
	}
	s.end(fault(mgmt.StreamCode(mgmt.CutText(string(msg.Code), maxCode)), mgmt.CutText(msg.Error, maxError)))
}

// The longest code and the longest error of a stream that a peer is believed, in bytes.
const (
	maxCode  = 64
	maxError = 4 << 10
)

// end ends the stream, whose peer sends no more.
func (s *Stream) end(err error) {
	s.mu.Lock()
	s.over = true
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	s.signal()
}

// cancel ends the stream from this side.
func (s *Stream) cancel(err error) {
	s.mu.Lock()
	tell := !s.over
	s.over = true
	if s.err == nil {
		s.err, s.chunks = err, nil
	}
	s.mu.Unlock()
	s.signal()
	if tell {
		s.opener.send(s.peer, mgmt.StreamCancel{Stream: s.id})
	}
}

func (s *Stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// errClosed is the error of a stream that its reader has closed.
var errClosed = errors.New("the stream is closed")

// Close ends the stream. A second Close does nothing.
func (s *Stream) Close() error {
	s.cancel(errClosed)
	s.opener.remove(s)
	s.release()
	return nil
}
