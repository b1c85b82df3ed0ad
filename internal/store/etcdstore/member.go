package etcdstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/config"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/etcdhttp"
	"go.etcd.io/etcd/server/v3/features"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// member is the member of etcd in this process. It is made of etcd's server and its handler
// for members, and not of etcd's package embed: that would bring a gateway, a port for clients
// and ways to end the process.
type member struct {
	cfg    Config
	server *etcdserver.EtcdServer
	peers  *http.Server
	tls    transport.TLSInfo
	web    *http.Client // asks other members

	closing atomic.Bool
	hanging atomic.Bool            // etcd has met what it ends a process for
	hung    chan struct{}          // is closed then
	hangs   func()                 // closes hung
	serving atomic.Bool            // server has started
	said    atomic.Pointer[string] // why the server ends
	done    chan struct{}          // the goroutines of the member have ended
}

// These are limits of etcd itself, as it is installed.
const (
	maxOps          = 128
	maxRequestBytes = 3 << 19
)

// logEntries is how many entries of its log etcd keeps in memory, and for how many it writes
// its log anew on the disk. An entry with a chunk has 512 kB. A member that is further behind
// gets the database.
const logEntries = 500

// backendBatch is how often etcd writes what it has applied to its database, and backendLimit after
// how many changes at the latest. Until then its log has them, on the disk. By itself etcd looks ten
// times a second whether there are any, which wakes a process at rest. Because of the limit, at most 64
// chunks of 512 kB wait in memory.
const (
	backendBatch = 500 * time.Millisecond
	backendLimit = 64
)

// startMember starts a member. It calls fail, at most once, when the member has ended by
// itself.
func startMember(ctx context.Context, cfg Config, fail func(error)) (*member, error) {
	letRest()
	hung := make(chan struct{})
	m := &member{cfg: cfg, done: make(chan struct{}), hung: hung, hangs: sync.OnceFunc(func() { close(hung) }), tls: transport.TLSInfo{
		CertFile: cfg.CertFile, KeyFile: cfg.KeyFile, TrustedCAFile: cfg.CAFile, ClientCertAuth: cfg.CAFile != "",
		// The authority is for members of this cluster alone. A member may be behind another
		// address than those of its certificate.
		SkipClientSANVerify: true,
	}}
	fatal := make(chan string, 1)
	logger := newZap(cfg.Logger, func(err string) { m.said.Store(&err) }, func(message string) {
		m.hanging.Store(true)
		m.hangs()
		if m.serving.Load() {
			go m.server.PauseSending() // it takes a lock, which the goroutine that has failed may hold
		}
		fail(m.explain(message))
		select {
		case fatal <- message:
		default:
		}
	})
	sc, err := m.serverConfig()
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	sc.Logger = logger
	rt, err := transport.NewTransport(m.tls, healthTimeout)
	if err != nil {
		return nil, fmt.Errorf("etcd: the certificate for other controllers: %w", err)
	}
	m.web = &http.Client{Transport: rt}
	ln, err := m.listen()
	if err != nil {
		return nil, err
	}
	made := make(chan error, 1)
	go func() { made <- m.make(sc) }()
	// etcd cannot be told to give up. It does so by itself when it has asked each member.
	select {
	case err = <-made:
		if err != nil {
			err = m.explain(err.Error())
		} else if ctx.Err() != nil {
			m.server.Start() // what was not started cannot be stopped
			m.server.HardStop()
			err = context.Cause(ctx)
		}
	case message := <-fatal:
		err = m.explain(message)
	}
	if err != nil {
		ln.Close()
		return nil, err
	}
	m.serve(ln, fail)
	return m, nil
}

// make makes the server. etcd panics on some damaged data.
func (m *member) make(sc config.ServerConfig) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("corrupt data: %v", r)
		}
	}()
	m.server, err = etcdserver.NewServer(sc)
	return err
}

// serve starts the member. It returns at once.
func (m *member) serve(ln net.Listener, fail func(error)) {
	m.server.Start()
	// A member that has failed must not go on to send heartbeats: the others would wait for it, and
	// elect nobody, until its process has ended.
	if m.serving.Store(true); m.hanging.Load() {
		m.server.PauseSending()
	}
	mux := http.NewServeMux()
	mux.Handle("/", etcdhttp.NewPeerHandler(m.server.Logger(), m.server))
	mux.HandleFunc("GET "+healthPath, m.serveHealth)
	m.peers = &http.Server{Handler: m.trusting(mux), ReadTimeout: 5 * time.Minute, ErrorLog: log.New(discard{}, "", 0)}
	served := make(chan error, 1)
	go func() { served <- m.peers.Serve(ln) }()
	go func() {
		defer close(m.done)
		select {
		case <-m.server.StopNotify():
			m.peers.Close()
			<-served
		case err := <-served:
			if !m.closing.Load() {
				fail(fmt.Errorf("etcd: the port for other controllers at %s has ended: %w", m.cfg.Listen, err))
			}
			<-m.server.StopNotify()
		}
		if m.closing.Load() {
			return
		}
		why := "its server has ended"
		if said := m.said.Load(); said != nil {
			why = *said
		}
		if removed := strings.Contains(why, "permanently removed"); removed && m.cfg.OnRemoved != nil {
			m.cfg.OnRemoved()
		}
		fail(m.explain(why))
	}()
}

// trusting lets only members of the cluster through to a handler.
func (m *member) trusting(next http.Handler) http.Handler {
	if m.cfg.Trusted == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
			if err := m.cfg.Trusted(r.TLS.PeerCertificates[0]); err != nil {
				if m.cfg.Logger != nil { // at debug: who was removed asks without an end
					m.cfg.Logger.Debug("another store was refused", "addr", r.RemoteAddr, "path", r.URL.Path, "err", err)
				}
				http.Error(w, err.Error(), http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// listen opens the port for other members.
func (m *member) listen() (net.Listener, error) {
	u, err := url.Parse(m.cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	tlsInfo := &m.tls
	if u.Scheme != "https" {
		tlsInfo = nil
	}
	ln, err := listenFor(u.Host, tlsInfo)
	if err != nil {
		return nil, fmt.Errorf("etcd: the port for other controllers: %w", err)
	}
	return ln, nil
}

// serverConfig returns the settings of etcd's server. Those that are not ours are as etcd's
// own program has them.
func (m *member) serverConfig() (config.ServerConfig, error) {
	cfg := m.cfg
	own, err := types.NewURLs([]string{cfg.Advertise})
	if err != nil {
		return config.ServerConfig{}, err
	}
	initial, err := initialMembers(cfg)
	if err != nil {
		return config.ServerConfig{}, err
	}
	return config.ServerConfig{
		Name:                        cfg.Name,
		PeerURLs:                    own,
		DataDir:                     cfg.Dir,
		SnapshotCount:               logEntries,
		SnapshotCatchUpEntries:      logEntries,
		MaxSnapFiles:                5,
		MaxWALFiles:                 5,
		InitialPeerURLsMap:          initial,
		InitialClusterToken:         cfg.Prefix,
		NewCluster:                  !cfg.Join,
		PeerTLSInfo:                 m.tls,
		TickMs:                      uint(cmp.Or(cfg.Heartbeat.Milliseconds(), 1)),
		ElectionTicks:               int(max(cfg.Election/cfg.Heartbeat, 5)),
		InitialElectionTickAdvance:  true,
		BackendBatchInterval:        backendBatch,
		BackendBatchLimit:           backendLimit,
		AutoCompactionMode:          "periodic", // Run compacts
		QuotaBackendBytes:           cfg.Quota,
		MaxTxnOps:                   maxOps,
		MaxRequestBytes:             maxRequestBytes,
		MaxConcurrentStreams:        1 << 10,
		WarningApplyDuration:        100 * time.Millisecond,
		WarningUnaryRequestDuration: 300 * time.Millisecond,
		StrictReconfigCheck:         true,
		AuthToken:                   "simple",
		BcryptCost:                  10,
		TokenTTL:                    300,
		CompactHashCheckTime:        time.Minute,
		PreVote:                     true,
		ForceNewCluster:             cfg.Force,
		UnsafeNoFsync:               cfg.NoSync,
		DowngradeCheckTime:          5 * time.Second,
		MaxLearners:                 1,
		ServerFeatureGate:           features.NewDefaultServerFeatureGate(cfg.Name, nil),
		Metrics:                     "basic",
	}, nil
}

// initialMembers returns the members at the first start, by name. One that was never started
// has no name.
func initialMembers(cfg Config) (types.URLsMap, error) {
	all := types.URLsMap{}
	list := cfg.Initial
	if len(list) == 0 {
		list = []quorum.Member{{Name: cfg.Name, URLs: []string{cfg.Advertise}}}
	}
	for _, m := range list {
		urls, err := types.NewURLs(m.URLs)
		if err != nil {
			return nil, fmt.Errorf("the addresses of controller %q: %w", m.Name, err)
		}
		name := m.Name
		if len(m.URLs) == 1 && m.URLs[0] == cfg.Advertise {
			name = cfg.Name
		}
		all[cmp.Or(name, fmt.Sprintf("%x", m.ID))] = urls
	}
	return all, nil
}

// close stops the member.
func (m *member) close() error {
	m.closing.Store(true)
	if m.hanging.Load() {
		m.peers.Close()
		return errors.New("etcd: it hangs since its failure; the process must end")
	}
	m.server.Stop()
	<-m.done
	m.web.CloseIdleConnections()
	return nil
}

// explain returns an error for what etcd has ended with. It says what to do.
func (m *member) explain(why string) error {
	dir := m.cfg.Dir
	switch {
	case strings.Contains(why, "permanently removed"):
		return fmt.Errorf("etcd: this controller was removed from the cluster; to add it again remove %s, and join with a new token", dir)
	case strings.Contains(why, "no space left on device"), strings.Contains(why, "disk quota exceeded"), strings.Contains(why, "file too large"):
		return fmt.Errorf("etcd: the disk of %s is full (%s); free some space, then start this controller again", dir, why)
	case strings.Contains(why, "permission denied"), strings.Contains(why, "read-only file system"), strings.Contains(why, "input/output error"):
		return fmt.Errorf("etcd: %s cannot be used (%s); make it readable and writable for this user, then start this controller again", dir, why)
	case strings.Contains(why, "could not retrieve cluster information"):
		return errors.New("etcd: no other controller's store has answered, which must say once who the others are: see that one of them runs and that its port for stores (2152) can be reached from here, then start this controller again")
	case strings.Contains(why, "cluster ID"):
		return fmt.Errorf("etcd: %s is of another cluster (%s); use the directory of this one, or remove it and join", dir, why)
	case strings.Contains(why, "WAL"), strings.Contains(why, "wal:"), strings.Contains(why, "snap"), strings.Contains(why, "crc"),
		strings.Contains(why, "corrupt"), strings.Contains(why, "failed to open database"), strings.Contains(why, "failed to recover"):
		return fmt.Errorf("etcd: the data in %s is damaged (%s); remove this controller from the cluster, remove %s, and join again; if it is the only one, restore a backup", dir, why, dir)
	}
	return fmt.Errorf("etcd: it has ended in %s (%s)", dir, why)
}
