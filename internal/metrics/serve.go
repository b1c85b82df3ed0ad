package metrics

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Path is where a Prometheus endpoint serves.
const Path = "/metrics"

// LivePath and HealthPath are for those who watch over a daemon, such as the keeper of a
// container. LivePath says that the daemon serves, HealthPath that its nodes run.
const LivePath, HealthPath = "/livez", "/healthz"

// Health says in a line for people how a daemon is, and whether that is well.
type Health func(context.Context) (text string, well bool)

// Bounds of a server, which strangers may reach.
const (
	serveTimeout = 10 * time.Second
	idleTimeout  = 2 * time.Minute
	maxHeader    = 8 << 10
	// maxConnections bounds the connections, and maxScrapes the texts that are being made.
	maxConnections, maxScrapes = 32, 4
)

// Serve serves a text at Path, over plain HTTP, until ctx is done, and returns ctx's cause then.
// It closes ln. With health, which may be nil, it also serves LivePath and HealthPath.
func Serve(ctx context.Context, ln net.Listener, text func(context.Context) ([]byte, error), health Health) error {
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
	if health != nil {
		mux.HandleFunc("GET "+LivePath, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
		mux.HandleFunc("GET "+HealthPath, func(w http.ResponseWriter, r *http.Request) { healthPage(w, r, health) })
	}
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

// healthWait bounds the time of a Health.
const healthWait = 2 * time.Second

func healthPage(w http.ResponseWriter, r *http.Request, health Health) {
	ctx, cancel := context.WithTimeout(r.Context(), healthWait)
	defer cancel()
	said, well := health(ctx)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if !well {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	io.WriteString(w, said+"\n")
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
