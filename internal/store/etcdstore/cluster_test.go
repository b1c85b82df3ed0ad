package etcdstore_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
)

// authority is an authority of certificates for members, and for servers and clients.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.key = a.newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "members"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.file = a.write("authority.pem", "CERTIFICATE", der)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

func (a *authority) write(name, kind string, der []byte) string {
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue makes a certificate for 127.0.0.1, and its key, in files.
func (a *authority) issue(name string) (cert, key string) {
	a.t.Helper()
	k := a.newKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, k.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", der), a.write(name+".key", "PRIVATE KEY", encoded)
}

// cluster makes members.
type cluster struct {
	t         *testing.T
	authority *authority
	ports     *porttest.Ports
	change    func(*etcdstore.Config) // of the settings of each member; may be nil
	configs   map[string]etcdstore.Config

	mu      sync.Mutex
	engines map[string]*etcdstore.Engine // those that run
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	ports, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ports.Close() })
	c := &cluster{t: t, authority: newAuthority(t), ports: ports, configs: map[string]etcdstore.Config{}, engines: map[string]*etcdstore.Engine{}}
	t.Cleanup(func() {
		for name := range c.configs {
			c.stop(name, (*etcdstore.Engine).Kill)
		}
	})
	return c
}

// config returns the settings of a member.
func (c *cluster) config(name string) etcdstore.Config {
	if cfg, ok := c.configs[name]; ok {
		return cfg
	}
	url := fmt.Sprintf("https://127.0.0.1:%d", c.ports.Next())
	cert, key := c.authority.issue(name)
	cfg := etcdstore.Config{
		Name: name, Prefix: "zeekfleet/test/", Dir: filepath.Join(c.t.TempDir(), "etcd"), Listen: url, Advertise: url,
		CertFile: cert, KeyFile: key, CAFile: c.authority.file, NoSync: true, Logger: logger(c.t),
		Heartbeat: 50 * time.Millisecond, Election: 500 * time.Millisecond,
	}
	if c.change != nil {
		c.change(&cfg)
	}
	c.configs[name] = cfg
	return cfg
}

// open starts a member.
func (c *cluster) open(name string, cfg etcdstore.Config) *etcdstore.Engine {
	e, err := etcdstore.Open(c.t.Context(), cfg)
	if err != nil {
		c.t.Errorf("%s: %v", name, err)
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.engines[name] = e
	return e
}

// start starts members that are a new cluster together, or starts them again.
func (c *cluster) start(names ...string) []*etcdstore.Engine {
	c.t.Helper()
	var initial []quorum.Member
	for _, n := range names {
		initial = append(initial, quorum.Member{Name: n, URLs: []string{c.config(n).Advertise}})
	}
	engines := make([]*etcdstore.Engine, len(names))
	var starting sync.WaitGroup
	for i, n := range names {
		cfg := c.config(n)
		cfg.Initial = initial
		starting.Go(func() { engines[i] = c.open(n, cfg) })
	}
	starting.Wait()
	if slices.Contains(engines, nil) {
		c.t.FailNow()
	}
	for i, e := range engines {
		c.ready(names[i], e)
	}
	return engines
}

func (c *cluster) ready(name string, e *etcdstore.Engine) {
	c.t.Helper()
	select {
	case <-e.Ready():
	case <-time.After(patience):
		c.t.Fatalf("%s is not ready", name)
	}
}

// stop stops a member, if it runs.
func (c *cluster) stop(name string, how func(*etcdstore.Engine) error) {
	c.t.Helper()
	c.mu.Lock()
	e := c.engines[name]
	delete(c.engines, name)
	c.mu.Unlock()
	if e == nil {
		return
	}
	if err := how(e); err != nil && !errors.Is(err, context.Canceled) {
		c.t.Errorf("stop %s: %v", name, err)
	}
}

// until calls f until it returns nil.
func until(t testing.TB, what string, f func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// etcdLeader returns the name of the member that leads etcd.
func etcdLeader(t testing.TB, e *etcdstore.Engine) (name string) {
	t.Helper()
	until(t, "the leader of etcd", func(ctx context.Context) error {
		list, err := e.Health(ctx)
		for _, h := range list {
			if h.Leader {
				name = h.Name
				return nil
			}
		}
		return errors.Join(err, errors.New("nobody"))
	})
	return name
}

func put(key, value string) []store.Change {
	return []store.Change{{Key: key, Value: []byte(value)}}
}

// loads checks that a store has one entry.
func loads(t testing.TB, e *etcdstore.Engine, part, key, value string) {
	t.Helper()
	entries, _, err := e.Store(part, quorum.Fence{}).Load(t.Context(), key)
	if err != nil || len(entries) != 1 || string(entries[0].Value) != value {
		t.Errorf("Load of %s: got %v, %v, want %s", key, entries, err, value)
	}
}

func TestMembersAreAddedAndRemoved(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := newCluster(t)
	var removed atomic.Bool
	c.change = func(cfg *etcdstore.Config) {
		if cfg.Name == "two" {
			cfg.OnRemoved = func() { removed.Store(true) }
		}
	}
	one := c.start("one")[0]
	_, err := one.Store("part", quorum.Fence{}).Save(ctx, put("key", "before"), 0)
	done(t, "Save", err)

	cfg := c.config("two")
	var added quorum.Member
	added, cfg.Initial, err = one.Add(ctx, cfg.Advertise)
	done(t, "Add", err)
	again, all, err := one.Add(ctx, cfg.Advertise)
	if err != nil || again.ID != added.ID || len(all) != 2 || !again.Learner {
		t.Errorf("Add again: got %+v of %v, %v", again, all, err)
	}
	if err := one.Promote(ctx, added.ID); err == nil {
		t.Error("Promote of a member that was never started: got no error")
	}
	cfg.Join = true
	two := c.open("two", cfg)
	if two == nil {
		t.FailNow()
	}
	c.ready("two", two)
	until(t, "Promote", func(ctx context.Context) error { return two.Promote(ctx, added.ID) })
	done(t, "Promote again", one.Promote(ctx, added.ID))
	if two.Self() != added.ID {
		t.Errorf("Self: got %x, want %x", two.Self(), added.ID)
	}
	loads(t, two, "part", "key", "before")
	members, err := two.Members(ctx)
	if err != nil || len(members) != 2 || members[0].Learner || members[1].Learner {
		t.Errorf("Members: got %+v, %v", members, err)
	}
	if _, _, err := one.Add(ctx, cfg.Advertise); err == nil || !strings.Contains(err.Error(), "has this address already") {
		t.Errorf("Add of a member that runs: got %v", err)
	}
	health, err := one.Health(ctx)
	if err != nil || len(health) != 2 {
		t.Fatalf("Health: got %+v, %v", health, err)
	}
	for _, h := range health {
		if h.Err != "" || h.Bytes == 0 || h.Used == 0 || h.Quota == 0 || h.Version == "" || h.Name == "" {
			t.Errorf("Health: got %+v", h)
		}
	}

	done(t, "Remove", one.Remove(ctx, added.ID))
	select {
	case err := <-two.Failed():
		if !removed.Load() || !strings.Contains(err.Error(), "was removed from the cluster") {
			t.Errorf("the removed member: OnRemoved was called: %t; %v", removed.Load(), err)
		}
	case <-time.After(patience):
		t.Fatal("the removed member does not end")
	}
	_, err = one.Store("part", quorum.Fence{}).Save(ctx, put("key", "after"), 1)
	done(t, "Save after Remove", err)
	if err := one.Remove(ctx, added.ID); err == nil {
		t.Error("Remove again: got no error")
	}
}

// A member that was removed while it did not run learns it when it starts.
func TestMemberThatWasRemovedMeanwhileEnds(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	engines := c.start("one", "two", "three")
	gone := engines[2].Self()
	c.stop("three", (*etcdstore.Engine).Close)
	done(t, "Remove", engines[0].Remove(t.Context(), gone))
	three := c.open("three", c.config("three"))
	if three == nil {
		t.FailNow()
	}
	select {
	case err := <-three.Failed():
		if !strings.Contains(err.Error(), "was removed from the cluster") {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the removed member does not end")
	}
}

func TestTwoOfThreeGoOn(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	engines := c.start("one", "two", "three")
	_, err := engines[0].Store("part", quorum.Fence{}).Save(t.Context(), put("key", "1"), 0)
	done(t, "Save", err)
	leader := etcdLeader(t, engines[0])
	c.stop(leader, (*etcdstore.Engine).Kill)
	var left *etcdstore.Engine
	for _, e := range c.engines {
		left = e
	}
	var rev store.Revision = 1
	until(t, "Save without the leader", func(ctx context.Context) error {
		next, err := left.Store("part", quorum.Fence{}).Save(ctx, put("key", "2"), rev)
		if errors.Is(err, store.ErrConflict) { // the answer to the one before was lost
			_, rev, err = left.Store("part", quorum.Fence{}).Load(ctx, "")
			return errors.Join(err, errors.New("again"))
		}
		_ = next
		return err
	})
	health, err := left.Health(t.Context())
	done(t, "Health", err)
	for _, h := range health {
		if (h.Err != "") != (h.Name == leader) {
			t.Errorf("Health while %s is away: got %+v", leader, h)
		}
	}
	back := c.open(leader, c.config(leader))
	if back == nil {
		t.FailNow()
	}
	c.ready(leader, back)
	loads(t, back, "part", "key", "2")
	until(t, "Health after the return", func(ctx context.Context) error {
		health, err := left.Health(ctx)
		for _, h := range health {
			if h.Err != "" || h.Lag > 10 {
				err = fmt.Errorf("%+v", h)
			}
		}
		return err
	})
}

// The members keep only the newest entries of etcd's log. A member that was away for longer
// gets the database.
func TestMemberThatWasAwayForLongCatchesUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	one := c.start("one", "two", "three")[0]
	c.stop("three", (*etcdstore.Engine).Close)
	for n := uint64(1); n <= 1200; n++ {
		done(t, "Append", one.Feed("feed").Append(t.Context(), quorum.Fence{}, batch(n, n)))
	}
	three := c.open("three", c.config("three"))
	if three == nil {
		t.FailNow()
	}
	var got int
	until(t, "Read", func(ctx context.Context) error {
		got = 0
		return three.Feed("feed").Read(ctx, 0, func(quorum.Batch) error {
			got++
			return nil
		})
	})
	if got != 1200 {
		t.Errorf("got %d batches, want all 1200", got)
	}
	until(t, "Health", func(ctx context.Context) error {
		health, err := three.Health(ctx)
		for _, h := range health {
			if h.Err != "" || h.Lag > 10 {
				err = fmt.Errorf("%+v", h)
			}
		}
		return err
	})
}

// The controller that leads is killed, and with it the leader of etcd. The others doubt it at
// once, and one of them leads. The log says how long that takes.
func TestFollowersEndTheLeadOfAMemberThatWasKilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.change = func(cfg *etcdstore.Config) { cfg.Heartbeat, cfg.Election = 0, 0 }
	engines := map[string]*etcdstore.Engine{}
	names := []string{"one", "two", "three"}
	sessions := map[string]quorum.Session{}
	for i, e := range c.start(names...) {
		s, err := e.Begin(t.Context(), names[i], ttl)
		done(t, "Begin", err)
		engines[names[i]], sessions[names[i]] = e, s
	}
	killed := etcdLeader(t, engines["one"])
	lead, err := engines[killed].Take(t.Context(), sessions[killed], killed, 0)
	done(t, "Take", err)
	c.stop(killed, (*etcdstore.Engine).Kill)
	start := time.Now()
	for _, n := range names {
		if n == killed {
			continue
		}
		until(t, "Doubt", func(ctx context.Context) error { return engines[n].Doubt(ctx, sessions[n], n, lead.Token) })
		t.Logf("%v: %s doubts", time.Since(start), n)
	}
	for _, n := range names {
		if n == killed {
			continue
		}
		if err := engines[n].End(t.Context(), lead.Token, 2); err != nil && !errors.Is(err, quorum.ErrTaken) {
			t.Fatalf("End: %v", err) // if the answer to a first attempt was lost, that lead has ended
		}
		next, err := engines[n].Take(t.Context(), sessions[n], n, 0)
		done(t, "Take", err)
		t.Logf("%v: %+v", time.Since(start), next)
		if next.Term != lead.Term+1 || next.Token <= lead.Token {
			t.Errorf("the next lead: got %+v after %+v", next, lead)
		}
		break
	}
}

func TestOneGoesOnWhenTheMajorityIsLostForEver(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	engines := c.start("one", "two", "three")
	last := engines[0]
	_, err := last.Store("part", quorum.Fence{}).Save(t.Context(), put("key", "value"), 0)
	done(t, "Save", err)
	c.stop("two", (*etcdstore.Engine).Kill)
	c.stop("three", (*etcdstore.Engine).Kill)

	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err = last.Store("part", quorum.Fence{}).Save(short, put("key", "never"), 1)
	if err == nil || errors.Is(err, store.ErrConflict) {
		t.Errorf("Save without a majority: got %v", err)
	}
	if _, _, err := last.Store("part", quorum.Fence{}).Load(short, ""); err == nil {
		t.Error("Load without a majority: got no error")
	}
	health, err := last.Health(t.Context())
	if err != nil || len(health) != 3 {
		t.Errorf("Health without a majority: got %+v, %v", health, err)
	}

	c.stop("one", (*etcdstore.Engine).Close)
	cfg := c.config("one")
	cfg.Force = true
	alone := c.open("one", cfg)
	if alone == nil {
		t.FailNow()
	}
	c.ready("one", alone)
	loads(t, alone, "part", "key", "value")
	members, err := alone.Members(t.Context())
	if err != nil || len(members) != 1 || members[0].Name != "one" {
		t.Errorf("Members: got %+v, %v", members, err)
	}
	_, rev, err := alone.Store("part", quorum.Fence{}).Load(t.Context(), "")
	done(t, "Load", err)
	_, err = alone.Store("part", quorum.Fence{}).Save(t.Context(), put("key", "goes on"), rev)
	done(t, "Save alone", err)
	c.stop("one", (*etcdstore.Engine).Close)
	again := c.open("one", c.config("one"))
	if again == nil {
		t.FailNow()
	}
	loads(t, again, "part", "key", "goes on")
}

func TestOpenRefuses(t *testing.T) {
	c := newCluster(t)
	good := c.config("one")
	c.start("one")
	for name, tt := range map[string]struct {
		change func(*etcdstore.Config)
		want   string
	}{
		"no name":              {func(c *etcdstore.Config) { c.Name = "" }, "no name"},
		"a prefix without end": {func(c *etcdstore.Config) { c.Prefix = "zeekfleet" }, "does not end with a slash"},
		"neither nor":          {func(c *etcdstore.Config) { c.Dir = "" }, "neither a data directory"},
		"both":                 {func(c *etcdstore.Config) { c.Endpoints = []string{"127.0.0.1:1"} }, "give one of them"},
		"no port":              {func(c *etcdstore.Config) { c.Listen = "https://127.0.0.1" }, "not of the form https://host:port"},
		"plain":                {func(c *etcdstore.Config) { c.Advertise = "http://127.0.0.1:1" }, "not of the form https://host:port"},
		"a certificate alone":  {func(c *etcdstore.Config) { c.KeyFile = "" }, "must be given together"},
		"a port that is taken": {func(*etcdstore.Config) {}, "address already in use"},
		"no certificate there": {func(c *etcdstore.Config) { c.CertFile += "x" }, "no such file"},
		"members without itself": {func(c *etcdstore.Config) {
			c.Dir, c.Listen = t.TempDir(), "https://"+address(t)
			c.Initial = []quorum.Member{{Name: "two", URLs: []string{"https://127.0.0.1:1"}}}
		}, "one"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			e, err := etcdstore.Open(t.Context(), cfg)
			if err == nil {
				_ = e.Kill()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}
