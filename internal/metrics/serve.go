package metrics

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Path is where a Prometheus endpoint serves.
const Path = "/metrics"

// Bounds of a server, which strangers may reach.
const (
	serveTimeout = 10 * time.Second
	idleTimeout  = 2 * time.Minute
	maxHeader    = 8 << 10
	// maxConnections bounds the connections, and maxScrapes the texts that are being made.
	maxConnections, maxScrapes = 32, 4
)

// Serve serves a text at Path, over plain HTTP, until ctx is done, and returns ctx's cause then.
// It closes ln.
func Serve(ctx context.Context, ln net.Listener, text func(context.Context) ([]byte, error)) error {
	scrapes := make(chan struct{}, maxScrapes)
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, r *http.Request) {
		select {
		case scrapes <- struct{}{}:
			defer func() { <-scrapes }()
		default:
			http.Error(w, "others are asking: try again", http.StatusServiceUnavailable)
			return
		}
		answer, err := text(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", ContentType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Write(answer)
	})
	srv := &http.Server{
		Handler: mux, ReadTimeout: serveTimeout, WriteTimeout: serveTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	var ending sync.WaitGroup
	defer ending.Wait()
	serving, done := context.WithCancel(ctx)
	defer done()
	ending.Go(func() {
		<-serving.Done()
		srv.Close()
	})
	err := srv.Serve(&fewConns{Listener: ln, places: make(chan struct{}, maxConnections)})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// fewConns closes connections beyond a number at once.
type fewConns struct {
	net.Listener
	places chan struct{}
}

func (l *fewConns) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.places <- struct{}{}:
			return &placed{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
		default:
			c.Close()
		}
	}
}

type placed struct {
	net.Conn
	leave func()
}

func (p *placed) Close() error {
	defer p.leave()
	return p.Conn.Close()
}
