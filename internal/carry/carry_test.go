package carry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/zeekfleet/zeekfleet/internal/carry"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// link is an Opener and a Server whose messages reach each other at once.
type link struct {
	opener *carry.Opener
	server *carry.Server
	tasks  sync.WaitGroup

	mu    sync.Mutex
	cut   bool           // no message arrives any more
	heard []mgmt.Message // by the opener
	asked []mgmt.Message // by the server
}

// newLink returns a link whose server has one source of the kind "logs".
func newLink(t *testing.T, cfg carry.Config, source carry.Source) *link {
	t.Helper()
	l := &link{}
	var err error
	if l.opener, err = carry.NewOpener(cfg, func(peer string, msg mgmt.Message) bool {
		if !l.note(&l.asked, msg) {
			return false
		}
		l.server.Take(t.Context(), peer, msg)
		return true
	}); err != nil {
		t.Fatal(err)
	}
	sources := map[mgmt.StreamKind]carry.Source{mgmt.StreamLogs: source}
	if l.server, err = carry.NewServer(cfg, func(peer string, msg mgmt.Message) bool {
		if !l.note(&l.heard, msg) {
			return false
		}
		l.opener.Take(peer, msg)
		return true
	}, sources, l.tasks.Go); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.tasks.Wait()
		if l.opener.Streams() != 0 || l.server.Streams() != 0 {
			t.Errorf("%d streams are open and %d are sent at the end", l.opener.Streams(), l.server.Streams())
		}
	})
	return l
}

func (l *link) note(list *[]mgmt.Message, msg mgmt.Message) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, msg)
	return !l.cut
}

func (l *link) sever() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
}

// chunks returns the sizes of the chunks that the opener has heard.
func (l *link) chunks() (sizes []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, msg := range l.heard {
		if chunk, ok := msg.(mgmt.StreamChunk); ok {
			sizes = append(sizes, len(chunk.Data))
		}
	}
	return sizes
}

func (l *link) open(t *testing.T, ctx context.Context) *carry.Stream {
	t.Helper()
	s, err := l.opener.Open(ctx, "agent", mgmt.StreamLogs, []byte(`{"lines":3}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sends is a source of n bytes.
func sends(n int) carry.Source {
	return func(ctx context.Context, _ []byte, to *carry.Writer) error { return to.Write(ctx, pattern(n)) }
}

func pattern(n int) []byte {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte(i * 7 >> 3)
	}
	return text
}

func wantCode(t *testing.T, err error, code mgmt.StreamCode, text string) {
	t.Helper()
	got, ok := errors.AsType[*mgmt.StreamError](err)
	if !ok || got.Code != code || got.Text != text {
		t.Errorf("got %#v, want %s: %s", err, code, text)
	}
}

func TestStreamArrivesWholeInBoundedChunks(t *testing.T) {
	const size = 1<<20 + 17
	var given []byte
	l := newLink(t, carry.Config{}, func(ctx context.Context, parameters []byte, to *carry.Writer) error {
		given = parameters
		return to.Write(ctx, pattern(size))
	})
	s := l.open(t, t.Context())
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, pattern(size)) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if string(given) != `{"lines":3}` {
		t.Errorf("the source got the parameters %s", given)
	}
	if most := slices.Max(l.chunks()); most != 30<<10 {
		t.Errorf("the largest chunk has %d bytes", most)
	}
	s.Close()
	s.Close()
	if _, err := s.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

func TestReaderWhoDoesNotReadStopsTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink(t, carry.Config{ChunkBytes: 10, Window: 4}, sends(200))
		s := l.open(t, t.Context())
		defer s.Close()
		synctest.Wait()
		if got := l.chunks(); len(got) != 4 {
			t.Errorf("%d chunks are on the way", len(got))
		}
		// Credit comes when half of the window was read.
		for _, step := range []struct{ read, want int }{{10, 4}, {9, 6}, {1, 6}, {20, 8}} {
			if _, err := io.ReadFull(s, make([]byte, step.read)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := len(l.chunks()); got != step.want {
				t.Errorf("after %d bytes: %d chunks were sent, want %d", step.read, got, step.want)
			}
		}
		rest, err := io.ReadAll(s)
		if err != nil || len(rest) != 160 {
			t.Errorf("got %d bytes, %v", len(rest), err)
		}
	})
}

func TestErrorOfASourceComesAfterItsBytes(t *testing.T) {
	for name, tt := range map[string]struct {
		err  error
		code mgmt.StreamCode
	}{
		"with a code": {&mgmt.StreamError{Code: mgmt.StreamNotFound, Text: "no such node"}, mgmt.StreamNotFound},
		"wrapped":     {fmt.Errorf("no such node%w", &mgmt.StreamError{Code: mgmt.StreamNotFound}), mgmt.StreamNotFound},
		"any other":   {errors.New("no such node"), mgmt.StreamFailed},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLink(t, carry.Config{}, func(ctx context.Context, _ []byte, to *carry.Writer) error {
				to.Write(ctx, []byte("begun"))
				return tt.err
			})
			s := l.open(t, t.Context())
			defer s.Close()
			got, err := io.ReadAll(s)
			if string(got) != "begun" {
				t.Errorf("got %q", got)
			}
			wantCode(t, err, tt.code, "no such node")
		})
	}
}

func TestUnknownKindIsRefused(t *testing.T) {
	l := newLink(t, carry.Config{}, sends(1))
	s, err := l.opener.Open(t.Context(), "agent", "wishes", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Read(make([]byte, 1))
	wantCode(t, err, mgmt.StreamUnsupported, `the agent does not know streams of the kind "wishes": it is an older version`)
}

func TestStreamBeginsBeforeItHasBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := make(chan error)
		l := newLink(t, carry.Config{}, func(ctx context.Context, _ []byte, to *carry.Writer) error {
			if err := <-refuse; err != nil {
				return err
			}
			to.Begin()
			<-ctx.Done()
			return nil
		})
		s := l.open(t, t.Context())
		defer s.Close()
		began := make(chan error, 1)
		l.tasks.Go(func() { began <- s.Begin() })
		synctest.Wait()
		if len(began) > 0 {
			t.Error("it began before its source said so")
		}
		refuse <- nil
		if err := <-began; err != nil {
			t.Error(err)
		}
		other := l.open(t, t.Context())
		defer other.Close()
		refuse <- fmt.Errorf("no%w", &mgmt.StreamError{Code: mgmt.StreamNotFound})
		wantCode(t, other.Begin(), mgmt.StreamNotFound, "no")
	})
}

// idles is a source that writes once and then waits for the end.
func idles(ended chan<- error) carry.Source {
	return func(ctx context.Context, _ []byte, to *carry.Writer) error {
		if err := to.Write(ctx, []byte("begun")); err != nil {
			return err
		}
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return nil
	}
}

func TestCloseAndContextEndTheSource(t *testing.T) {
	leaves := errors.New("the reader leaves")
	for name, end := range map[string]func(s *carry.Stream, cancel context.CancelCauseFunc){
		"close":   func(s *carry.Stream, _ context.CancelCauseFunc) { s.Close() },
		"context": func(_ *carry.Stream, cancel context.CancelCauseFunc) { cancel(leaves) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan error, 1)
				l := newLink(t, carry.Config{}, idles(ended))
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				s := l.open(t, ctx)
				defer s.Close()
				if _, err := s.Read(make([]byte, 5)); err != nil {
					t.Fatal(err)
				}
				end(s, cancel)
				if err := <-ended; err == nil {
					t.Error("the source has no cause of its end")
				}
				synctest.Wait()
				if n := l.server.Streams(); n != 0 {
					t.Errorf("%d streams are still sent", n)
				}
				if _, err := s.Read(make([]byte, 5)); name == "context" && err != leaves || err == nil {
					t.Errorf("a read after the end: %v", err)
				}
			})
		})
	}
}

func TestLostPeerEndsItsStreamsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 2)
		l := newLink(t, carry.Config{}, idles(ended))
		s := l.open(t, t.Context())
		defer s.Close()
		other, err := l.opener.Open(t.Context(), "other", mgmt.StreamLogs, nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		l.opener.Lost(func(peer string) bool { return peer == "agent" })
		l.server.Lost("agent")
		got, err := io.ReadAll(s)
		if string(got) != "begun" {
			t.Errorf("got %q: what came before the loss is missing", got)
		}
		wantCode(t, err, mgmt.StreamLost, "the connection with the agent was lost")
		<-ended
		synctest.Wait()
		if n := l.server.Streams(); n != 1 {
			t.Errorf("%d streams are still sent, want that of the other peer", n)
		}
		other.Close()
	})
}

func TestPeerThatIsGoneIsNoStream(t *testing.T) {
	l := newLink(t, carry.Config{}, sends(1))
	l.sever()
	_, err := l.opener.Open(t.Context(), "agent", mgmt.StreamLogs, nil)
	wantCode(t, err, mgmt.StreamLost, "the peer is not connected any more")
}

func TestSilentPeerIsLostAndAQuietOneIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		l := newLink(t, carry.Config{Silence: 30 * time.Second}, idles(ended))
		s := l.open(t, t.Context())
		defer s.Close()
		began := time.Now()
		cut := time.AfterFunc(time.Hour+time.Second, l.sever)
		defer cut.Stop()
		_, err := io.ReadAll(s)
		wantCode(t, err, mgmt.StreamLost, "the agent has said nothing for 30s")
		if lasted := time.Since(began); lasted != time.Hour+30*time.Second {
			t.Errorf("the stream lasted %v", lasted)
		}
		l.server.Lost("agent")
		<-ended
	})
}

func TestSenderDoesNotWaitForeverForAReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLink(t, carry.Config{ChunkBytes: 1, Window: 2, Stall: time.Minute}, sends(3))
		s := l.open(t, t.Context())
		defer s.Close()
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		if l.server.Streams() != 1 {
			t.Error("the sender gave up too early")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if l.server.Streams() != 0 {
			t.Error("the sender did not give up")
		}
		got, err := io.ReadAll(s)
		if len(got) != 2 {
			t.Errorf("got %q", got)
		}
		wantCode(t, err, mgmt.StreamFailed, "nobody has taken anything for 1m0s")
	})
}

func TestStreamHasABoundedLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		l := newLink(t, carry.Config{Life: time.Hour}, idles(ended))
		s := l.open(t, t.Context())
		defer s.Close()
		began := time.Now()
		_, err := io.ReadAll(s)
		wantCode(t, err, mgmt.StreamFailed, "the stream has lasted for 1h0m0s, and no stream lasts longer")
		if lasted := time.Since(began); lasted != time.Hour {
			t.Errorf("it lasted %v", lasted)
		}
		<-ended
	})
}

func TestStreamsAreBounded(t *testing.T) {
	busy := "%d streams of this agent are open, and no more are allowed; try again later"
	for name, tt := range map[string]struct {
		cfg  carry.Config
		open int
		want string
	}{
		"with one peer": {carry.Config{PerPeer: 2, Total: 9}, 2, fmt.Sprintf(busy, 2)},
		"with all":      {carry.Config{PerPeer: 9, Total: 3}, 3, "3 streams are open, and no more are allowed; try again later"},
		"by default":    {carry.Config{}, 8, fmt.Sprintf(busy, 8)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan error, 20)
				l := newLink(t, tt.cfg, idles(ended))
				var open []*carry.Stream
				for range tt.open {
					open = append(open, l.open(t, t.Context()))
				}
				_, err := l.opener.Open(t.Context(), "agent", mgmt.StreamLogs, nil)
				wantCode(t, err, mgmt.StreamBusy, tt.want)
				open[0].Close()
				again := l.open(t, t.Context())
				for _, s := range append(open, again) {
					s.Close()
				}
			})
		})
	}
}

func TestErrorOfAPeerIsShort(t *testing.T) {
	var opened mgmt.StreamID
	opener, err := carry.NewOpener(carry.Config{}, func(_ string, msg mgmt.Message) bool {
		if open, ok := msg.(mgmt.StreamOpen); ok {
			opened = open.Stream
		}
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	s, err := opener.Open(t.Context(), "agent", mgmt.StreamLogs, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	opener.Take("agent", mgmt.StreamEnd{Stream: opened, Code: mgmt.StreamCode(strings.Repeat("c", 1<<20)), Error: strings.Repeat("é", 1<<20)})
	_, err = s.Read(make([]byte, 1))
	got, ok := errors.AsType[*mgmt.StreamError](err)
	if !ok || len(got.Text) > 4<<10 || len(got.Text) < 4<<10-8 || len(got.Code) > 64 || !utf8.ValidString(got.Text) {
		t.Errorf("got %.100v", err)
	}
}

// A peer may be another program than an Opener of ours.
func TestServerBoundsItsStreamsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []mgmt.Message
		var tasks sync.WaitGroup
		ended := make(chan error, 20)
		server, err := carry.NewServer(carry.Config{PerPeer: 2, Total: 3}, func(_ string, msg mgmt.Message) bool {
			if end, ok := msg.(mgmt.StreamEnd); ok {
				sent = append(sent, end)
			}
			return true
		}, map[mgmt.StreamKind]carry.Source{mgmt.StreamLogs: idles(ended)}, tasks.Go)
		if err != nil {
			t.Fatal(err)
		}
		for _, open := range []struct {
			peer string
			id   mgmt.StreamID
		}{{"a", "1"}, {"a", "1"}, {"a", "2"}, {"a", "3"}, {"b", "1"}, {"b", "2"}} {
			server.Take(t.Context(), open.peer, mgmt.StreamOpen{Stream: open.id, Kind: mgmt.StreamLogs, Credit: 1})
		}
		synctest.Wait()
		want := []mgmt.Message{
			mgmt.StreamEnd{Stream: "1", Code: mgmt.StreamInvalid, Error: "there is a stream with this ID already"},
			mgmt.StreamEnd{Stream: "3", Code: mgmt.StreamBusy, Error: "the agent sends this peer 2 streams, and no more are allowed; try again later"},
			mgmt.StreamEnd{Stream: "2", Code: mgmt.StreamBusy, Error: "the agent sends 3 streams, and no more are allowed; try again later"},
		}
		if !slices.Equal(sent, want) {
			t.Errorf("got %v", sent)
		}
		server.Take(t.Context(), "b", mgmt.StreamCancel{Stream: "2"}) // of no stream
		server.Take(t.Context(), "c", mgmt.StreamCancel{Stream: "1"}) // of another's
		synctest.Wait()
		if n := server.Streams(); n != 3 {
			t.Errorf("%d streams are sent", n)
		}
		server.Lost("a")
		server.Lost("b")
		tasks.Wait()
	})
}

func TestPeerThatSendsTooMuchIsNotBelieved(t *testing.T) {
	for name, send := range map[string]func(take func(string)){
		"more chunks than it may": func(take func(string)) {
			for range 9 {
				take("x")
			}
		},
		"a chunk that is too long": func(take func(string)) { take(string(make([]byte, mgmt.MaxChunk+1))) },
	} {
		t.Run(name, func(t *testing.T) {
			var id mgmt.StreamID
			cancelled := false
			o, err := carry.NewOpener(carry.Config{}, func(_ string, msg mgmt.Message) bool {
				switch msg := msg.(type) {
				case mgmt.StreamOpen:
					id = msg.Stream
				case mgmt.StreamCancel:
					cancelled = msg.Stream == id
				}
				return true
			})
			if err != nil {
				t.Fatal(err)
			}
			s, err := o.Open(t.Context(), "agent", mgmt.StreamLogs, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if o.Take("other", mgmt.StreamChunk{Stream: id, Data: "lie"}) {
				t.Error("a chunk of another peer was taken")
			}
			send(func(data string) { o.Take("agent", mgmt.StreamChunk{Stream: id, Data: data}) })
			_, err = io.ReadAll(s)
			wantCode(t, err, mgmt.StreamFailed, "the agent has sent more than it may")
			if !cancelled {
				t.Error("the peer was not told")
			}
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []carry.Config{{Window: -1}, {ChunkBytes: mgmt.MaxChunk + 1}, {Window: 65}, {Life: -1}} {
		if _, err := carry.NewOpener(cfg, nil); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
		if _, err := carry.NewServer(cfg, nil, nil, nil); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
