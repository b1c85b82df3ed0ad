package carry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Source writes a stream. parameters are those of the request. When it returns, the stream
// is over. Its error tells the reader why the stream is not whole: a *mgmt.StreamError as
// it is, any other one as mgmt.StreamFailed. ctx is done when nobody wants the stream any
// more.
type Source func(ctx context.Context, parameters []byte, to *Writer) error

// Server writes streams that peers ask for.
type Server struct {
	cfg     Config
	send    Send
	sources map[mgmt.StreamKind]Source
	start   func(task func())

	mu      sync.Mutex
	writers map[writerKey]*Writer
	peers   map[string]int // their streams
}

type writerKey struct {
	peer string
	id   mgmt.StreamID
}

// NewServer returns a Server of these kinds of streams. start runs a task in a goroutine
// that somebody waits for.
func NewServer(cfg Config, send Send, sources map[mgmt.StreamKind]Source, start func(task func())) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Server{
		cfg: cfg, send: send, sources: sources, start: start,
		writers: map[writerKey]*Writer{}, peers: map[string]int{},
	}, nil
}

// Take takes a message of a peer that may open streams. Streams that the message opens end
// with ctx, at the latest.
func (v *Server) Take(ctx context.Context, peer string, msg mgmt.Message) {
	switch msg := msg.(type) {
	case mgmt.StreamOpen:
		v.open(ctx, peer, msg)
	case mgmt.StreamCredit:
		if w := v.find(peer, msg.Stream); w != nil {
			w.grant(msg.Chunks)
		}
	case mgmt.StreamCancel:
		if w := v.find(peer, msg.Stream); w != nil {
			w.stop(errUnwanted)
		}
	}
}

func (v *Server) open(ctx context.Context, peer string, msg mgmt.StreamOpen) {
	source := v.sources[msg.Kind]
	ctx, cancel := context.WithCancelCause(ctx)
	w := &Writer{server: v, key: writerKey{peer, msg.Stream}, stop: cancel, wake: make(chan struct{}, 1)}
	if v.cfg.Gentle {
		w.gentle = newGentle()
	}
	err := v.add(w)
	switch {
	case err != nil:
	case source == nil:
		v.remove(w)
		err = fault(mgmt.StreamUnsupported, fmt.Sprintf("the %s does not know streams of the kind %.40q: it is an older version", v.cfg.Sender, msg.Kind))
	}
	if err != nil {
		cancel(err)
		v.sendEnd(peer, msg.Stream, err)
		return
	}
	w.grant(msg.Credit)
	v.start(func() {
		defer cancel(nil)
		w.run(ctx, source, []byte(msg.Parameters))
	})
}

func (v *Server) add(w *Writer) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.writers[w.key] != nil:
		return fault(mgmt.StreamInvalid, "there is a stream with this ID already")
	case len(v.writers) >= v.cfg.Total:
		return fault(mgmt.StreamBusy, fmt.Sprintf("the %s sends %d streams, and no more are allowed; try again later", v.cfg.Sender, v.cfg.Total))
	case v.peers[w.key.peer] >= v.cfg.PerPeer:
		return fault(mgmt.StreamBusy, fmt.Sprintf("the %s sends this peer %d streams, and no more are allowed; try again later", v.cfg.Sender, v.cfg.PerPeer))
	}
	v.writers[w.key] = w
	v.peers[w.key.peer]++
	return nil
}

func (v *Server) remove(w *Writer) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.writers, w.key)
	if v.peers[w.key.peer]--; v.peers[w.key.peer] == 0 {
		delete(v.peers, w.key.peer)
	}
}

func (v *Server) find(peer string, id mgmt.StreamID) *Writer {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.writers[writerKey{peer, id}]
}

// Open returns how many streams are being sent.
func (v *Server) Open() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.writers)
}

// Lost says that a peer is gone: its streams end.
func (v *Server) Lost(peer string) { v.LostAll(func(p string) bool { return p == peer }) }

// LostAll says that peers are gone.
func (v *Server) LostAll(gone func(peer string) bool) {
	v.mu.Lock()
	var lost []*Writer
	for key, w := range v.writers {
		if gone(key.peer) {
			lost = append(lost, w)
		}
	}
	v.mu.Unlock()
	for _, w := range lost {
		w.stop(errUnwanted)
	}
}

// errUnwanted is the cause of the end of a stream that nobody wants any more.
var errUnwanted = errors.New("nobody wants the stream any more")

func (v *Server) sendEnd(peer string, id mgmt.StreamID, err error) {
	end := mgmt.StreamEnd{Stream: id}
	if err != nil {
		end.Code, end.Error = mgmt.StreamFailed, err.Error()
		if known, ok := errors.AsType[*mgmt.StreamError](err); ok {
			end.Code = known.Code
		}
	}
	v.send(peer, end)
}

// Writer sends the chunks of one stream. One goroutine at a time may write.
type Writer struct {
	server *Server
	key    writerKey
	stop   context.CancelCauseFunc
	wake   chan struct{}
	mu     sync.Mutex
	credit uint64
	gentle *gentle // nil: only the credit counts
}

func (w *Writer) run(ctx context.Context, source Source, parameters []byte) {
	cfg := w.server.cfg
	life, cancel := context.WithTimeoutCause(ctx, cfg.Life,
		fault(mgmt.StreamFailed, fmt.Sprintf("the stream has lasted for %v, and no stream lasts longer", cfg.Life)))
	defer cancel()
	alive := w.keepAlive()
	err := source(life, parameters, w)
	alive()
	w.server.remove(w)
	if cause := context.Cause(life); cause != nil {
		err = cause
	}
	if !errors.Is(err, errUnwanted) {
		w.server.sendEnd(w.key.peer, w.key.id, err)
	}
}

// keepAlive tells the reader now and then that the stream goes on, until stop is called.
func (w *Writer) keepAlive() (stop func()) {
	every := w.server.cfg.Silence / 3
	var mu sync.Mutex
	var timer *time.Timer
	ended := false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(every, func() {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return
		}
		w.server.send(w.key.peer, mgmt.StreamChunk{Stream: w.key.id})
		timer.Reset(every)
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		timer.Stop()
	}
}

// grant lets the source send more chunks.
func (w *Writer) grant(chunks uint64) {
	w.mu.Lock()
	most := uint64(max(maxWindow, w.server.cfg.Window))
	w.credit = min(w.credit+min(chunks, most), most)
	if w.gentle != nil {
		w.gentle.taken(chunks, time.Now())
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *Writer) take() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.credit == 0 || w.gentle != nil && !w.gentle.may() {
		return false
	}
	w.credit--
	if w.gentle != nil {
		w.gentle.send(time.Now())
	}
	return true
}

// Begin tells the reader that the stream begins, before there are any bytes.
func (w *Writer) Begin() { w.server.send(w.key.peer, mgmt.StreamChunk{Stream: w.key.id}) }

// Write sends p in chunks. Before each it waits until the reader has taken enough of those
// before, or ctx is done. What one call writes never waits for the next call, so a source
// should write much at a time.
func (w *Writer) Write(ctx context.Context, p []byte) error {
	for len(p) > 0 {
		if err := w.await(ctx); err != nil {
			return err
		}
		part := p[:min(w.server.cfg.ChunkBytes, len(p))]
		if !w.server.send(w.key.peer, mgmt.StreamChunk{Stream: w.key.id, Data: string(part)}) {
			w.stop(errUnwanted)
			return errUnwanted
		}
		p = p[len(part):]
	}
	return nil
}

// await waits until a chunk may be sent.
func (w *Writer) await(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if w.take() {
		return nil
	}
	stall := time.NewTimer(w.server.cfg.Stall)
	defer stall.Stop()
	for {
		select {
		case <-w.wake:
			if w.take() {
				return nil
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-stall.C:
			return fault(mgmt.StreamFailed, fmt.Sprintf("nobody has taken anything for %v", w.server.cfg.Stall))
		}
	}
}
