package web

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Server serves the HTTP API on connections that others have accepted.
type Server struct {
	retiring
	cfg      Config
	handed   *handed
	places   places
	sessions *sessions
	attempts *attempts
	streams  *shares
	pulls    *shares
	lists    *shares // of the files of large bundles
	follows  *follows
	listings *listings
	scrapes  *turns // of instances: what people ask has room beside what Prometheus asks
	board    *board
	crossing *http.CrossOriginProtection
	// reading has a value for each request whose configuration is being read.
	reading chan struct{}
	// parts are the requests of users whose parts of archives are being read.
	parts *turns
	// contents is locked while content of bundles is removed, and read-locked while somebody
	// relies on it.
	contents sync.RWMutex
	// asking has a value for each request that asks all agents.
	asking chan struct{}
	// api makes the API at the first request. Making it takes milliseconds, which the
	// start of a controller does not have to wait for.
	api func() *routes
}

// New returns a server, which can serve once.
func New(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("http config: %w", err)
	}
	s := &Server{
		cfg: cfg, handed: newHanded(),
		places:   places{limit: cfg.MaxConnections, reserved: cfg.ReservedConnections},
		sessions: newSessions(cfg), attempts: newAttempts(cfg),
		streams:  &shares{limit: cfg.MaxStreams, ofOne: cfg.MaxStreamsOfOne, what: "event streams"},
		pulls:    &shares{limit: cfg.MaxPulls, ofOne: max(1, cfg.MaxPulls/2), what: "bundles that are pulled"},
		lists:    &shares{limit: cfg.MaxManifests, ofOne: max(1, cfg.MaxManifests/2), what: "lists of the files of bundles"},
		parts:    newTurns(cfg.MaxUploads, max(1, cfg.MaxUploads/2), "the controller is reading other bundles: try again in 10 s"),
		follows:  &follows{limit: cfg.MaxFollows, at: map[string]*shares{}},
		listings: &listings{every: cfg.ListInterval}, scrapes: newTurns(cfg.MaxScrapes, cfg.MaxScrapesOfOne, "too many scrapes are going on: scrape less often, or directly"), board: newBoard(),
		crossing: http.NewCrossOriginProtection(), reading: make(chan struct{}, cfg.MaxConfigurations), asking: make(chan struct{}, cfg.MaxFleetQuestions),
	}
	s.api = sync.OnceValue(func() *routes { return newRoutes(s) })
	return s, nil
}

// Take serves a connection. It returns soon, and the connection is closed when it has
// ended. If Serve ends, Take returns false, and leaves the connection alone. Any goroutine may
// call Take.
func (s *Server) Take(c Connection) bool {
	one := newConn(c, time.Now(), s.places.leave)
	if !s.places.take(one) {
		turnAway(c)
		return true
	}
	if !s.handed.take(one) {
		one.release()
		return false
	}
	return true
}

// connKey is the key of a request's connection in its context.
type connKey struct{}

// Serve serves until ctx is done, and returns ctx's cause then. Requests that are being
// answered have StopTimeout to end.
func (s *Server) Serve(ctx context.Context) error {
	requests, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	srv := &http.Server{
		Handler:           http.HandlerFunc(s.serveHTTP),
		ReadHeaderTimeout: s.cfg.HeaderTimeout,
		ReadTimeout:       s.cfg.ReadTimeout,
		WriteTimeout:      s.cfg.WriteTimeout,
		IdleTimeout:       s.cfg.IdleTimeout,
		MaxHeaderBytes:    s.cfg.MaxHeader,
		ErrorLog:          log.New(debugLog{s.cfg.Logger}, "", 0),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
	if s.cfg.Authority != nil {
		defer s.cfg.Authority.Changed(s.sessions.follow)()
	}
	var ending sync.WaitGroup
	defer ending.Wait()
	ctx, done := context.WithCancelCause(ctx)
	defer done(nil)
	ending.Go(func() {
		<-ctx.Done()
		cancel(context.Cause(ctx)) // a request that waits answers now
		stop, over := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.StopTimeout)
		defer over()
		if srv.Shutdown(stop) != nil {
			srv.Close()
		}
		s.handed.Close()
	})
	err := srv.Serve(s.handed)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("serve HTTP: %w", err)
}

// debugLog takes what net/http has to say: mostly that a caller has gone or sends no HTTP.
// A panic of a handler is an error of ours.
type debugLog struct{ log *slog.Logger }

func (d debugLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if strings.HasPrefix(text, "http: panic") {
		d.log.Error("http", "err", text)
	} else {
		d.log.Debug("http", "err", text)
	}
	return len(line), nil
}
