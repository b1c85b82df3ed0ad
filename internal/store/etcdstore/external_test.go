package etcdstore_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
	"github.com/zeekfleet/zeekfleet/internal/store/storetest"
)

// site is an etcd that a site runs: Debian's.
type site struct {
	t       *testing.T
	address string
	tls     *tls.Config
	argv    []string
	cmd     *exec.Cmd
	out     bytes.Buffer
}

// newSite starts an etcd with TLS. Options are arguments of etcd.
func newSite(t *testing.T, options ...string) *site {
	t.Helper()
	ports, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ports.Close() })
	a := newAuthority(t)
	cert, key := a.issue("server")
	pair := tlsPair(t, a)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	s := &site{t: t, address: fmt.Sprintf("127.0.0.1:%d", ports.Next()), tls: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}
	peer := fmt.Sprintf("http://127.0.0.1:%d", ports.Next())
	s.argv = append([]string{
		"--name=site", "--data-dir=" + filepath.Join(t.TempDir(), "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls=https://" + s.address, "--advertise-client-urls=https://" + s.address,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=site=" + peer,
		"--cert-file=" + cert, "--key-file=" + key, "--trusted-ca-file=" + a.file, "--client-cert-auth",
	}, options...)
	s.start()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("etcd said:\n%s", s.out.String())
		}
	})
	return s
}

func tlsPair(t *testing.T, a *authority) tls.Certificate {
	t.Helper()
	cert, key := a.issue("client")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (s *site) start() {
	s.t.Helper()
	s.cmd = exec.Command("etcd", s.argv...)
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.Env = append(os.Environ(), "ETCD_UNSUPPORTED_ARCH=")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatalf("etcd, of Debian's package etcd-server: %v", err)
	}
	until(s.t, "etcd of the site listens", func(ctx context.Context) error {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
		if err == nil {
			c.Close()
		}
		return err
	})
}

func (s *site) stop() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()         // it was killed
}

// open opens an engine on the site's etcd.
func (s *site) open(cfg etcdstore.Config) *etcdstore.Engine {
	s.t.Helper()
	cfg.Name, cfg.Prefix, cfg.Endpoints, cfg.TLS, cfg.Logger = "controller", "zeekfleet/site/", []string{s.address}, s.tls, logger(s.t)
	e, err := etcdstore.Open(s.t.Context(), cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := e.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return e
}

// The API of Debian's etcd, which is 3.4 in Debian 12, is enough.
func TestSiteRunsEtcd(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	e := s.open(etcdstore.Config{Chunk: 16 << 10, MaxValue: 64 << 10, MaxSave: 100 << 10})
	places := map[string]string{}
	t.Run("Store", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T, s storetest.Settings) storetest.Store {
			if places[s.Place] == "" {
				places[s.Place] = partOf(t)
			}
			return part{e.Store(places[s.Place], quorum.Fence{})}
		})
	})
	ctx := t.Context()
	t.Run("members are not ours", func(t *testing.T) {
		if e.Self() != 0 {
			t.Errorf("Self: got %x", e.Self())
		}
		_, _, err := e.Add(ctx, "https://127.0.0.1:1")
		for what, err := range map[string]error{"Add": err, "Promote": e.Promote(ctx, 1), "Remove": e.Remove(ctx, 1)} {
			if err == nil || !strings.Contains(err.Error(), "the site runs etcd") {
				t.Errorf("%s: got %v", what, err)
			}
		}
		health, err := e.Health(ctx)
		if err != nil || len(health) != 1 || health[0].Err != "" || health[0].Name != "site" || !health[0].Leader || health[0].Bytes == 0 {
			t.Errorf("Health: got %+v, %v", health, err)
		}
	})
	t.Run("elections", func(t *testing.T) {
		session, err := e.Begin(ctx, "one", ttl)
		done(t, "Begin", err)
		lead, err := e.Take(ctx, session, "one", 7)
		if err != nil || lead.Term != 7 {
			t.Errorf("Take: got %+v, %v", lead, err)
		}
		done(t, "Renew", e.Renew(ctx, session))
		done(t, "Raise", e.Raise(ctx, fence(lead), 9))
		done(t, "Doubt", e.Doubt(ctx, session, "one", lead.Token))
		if now := leadNow(t, e); now.Term != 9 || len(now.Doubts) != 1 {
			t.Errorf("WatchLead: got %+v", now)
		}
		_, err = e.Store("part", quorum.Fence{}).Save(ctx, nil, 0)
		want(t, "Save without the fence", err, store.ErrConflict)
		done(t, "End", e.End(ctx, lead.Token, 1))
		done(t, "EndSession", e.EndSession(ctx, session))
	})
	t.Run("feeds", func(t *testing.T) {
		f := e.Feed("feed")
		for n := uint64(1); n < 10; n++ {
			done(t, "Append", f.Append(ctx, quorum.Fence{}, batch(n, n)))
		}
		done(t, "Trim", f.Trim(ctx, quorum.Fence{}, 5, 1<<20))
		if got := read(t, f, 0); len(got) != 5 {
			t.Errorf("Read: got %v", got)
		}
	})
	t.Run("archives", func(t *testing.T) {
		content := bytes.Repeat([]byte("x"), 50_000)
		done(t, "Put", e.Archives().Put(ctx, quorum.Fence{}, "hash", nil, bytes.NewReader(content)))
		var got bytes.Buffer
		done(t, "Fetch", e.Archives().Fetch(ctx, "hash", &got))
		if !bytes.Equal(got.Bytes(), content) {
			t.Errorf("Fetch: got %d bytes", got.Len())
		}
	})
}

// A watch goes on after the site's etcd has started again.
func TestWatchSurvivesTheRestartOfTheSite(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	e := s.open(etcdstore.Config{})
	_, err := e.Store("part", quorum.Fence{}).Save(t.Context(), put("key", "1"), 0)
	done(t, "Save", err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	changed := make(chan struct{}, 100)
	watched := make(chan error, 1)
	go func() {
		for { // as callers do
			if err := e.Changed(ctx, "part", func() { changed <- struct{}{} }); ctx.Err() != nil {
				watched <- err
				return
			}
		}
	}()
	<-changed
	s.stop()
	short, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	if _, _, err := e.Store("part", quorum.Fence{}).Load(short, ""); err == nil {
		t.Error("Load while etcd is away: got no error")
	}
	s.start()
	until(t, "Save after the return", func(ctx context.Context) error {
		_, err := e.Store("part", quorum.Fence{}).Save(ctx, put("key", "2"), 1)
		if errors.Is(err, store.ErrConflict) {
			return nil // the answer to the one before was lost
		}
		return err
	})
	until(t, "the change is seen", func(ctx context.Context) error {
		select {
		case <-changed:
			return nil
		default:
			return errors.New("it is not seen")
		}
	})
	cancel()
	want(t, "Changed", <-watched, context.Canceled)
}

func TestFullSiteIsNamed(t *testing.T) {
	t.Parallel()
	s := newSite(t, "--quota-backend-bytes=2097152")
	e := s.open(etcdstore.Config{})
	fill(t, e)
	health, err := e.Health(t.Context())
	if err != nil || len(health) != 1 || len(health[0].Alarms) != 1 || !strings.Contains(health[0].Alarms[0], "NOSPACE") {
		t.Errorf("Health: got %+v, %v", health, err)
	}
}

// fill saves until etcd has no room. It returns the last revision, and how often it has saved.
func fill(t *testing.T, e *etcdstore.Engine) (rev store.Revision) {
	t.Helper()
	for {
		next, err := e.Store("filled", quorum.Fence{}).Save(t.Context(), put(fmt.Sprint("key", rev%4), strings.Repeat("x", 100<<10)), rev)
		if err == nil {
			rev = next
			continue
		}
		for _, want := range []string{"NOSPACE", "quota"} {
			if !strings.Contains(err.Error(), want) {
				t.Fatalf("Save in a full database: got %v, want %q in it", err, want)
			}
		}
		if errors.Is(err, store.ErrConflict) {
			t.Fatalf("Save in a full database is a conflict: %v", err)
		}
		return rev
	}
}
