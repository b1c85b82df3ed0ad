//go:build !noetcd

package app

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/backup"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/member"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// The parts of the state that controllers share.
const (
	controllerPart = backup.PartController
	authorityPart  = backup.PartAuthority
	alertsPart     = backup.PartAlerts
	receiversPart  = backup.PartReceivers
	happeningsPart = backup.PartHappenings
	peersPart      = "peers"
)

// ownPrefix begins the keys of a cluster in a store that the controllers run themselves.
const ownPrefix = "zeekfleet/"

// settleTimeout bounds what the first start of a store takes, with the state that a controller
// brings with it.
const settleTimeout = 10 * time.Minute

// openStore opens the store of this controller. At the first start of the first controller it
// makes the store, and puts the state into it that the controller has had alone.
func (m *Clustered) openStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	authority, err := m.takePlace()
	if err != nil {
		return err
	}
	m.engine, err = openEngine(ctx, m.set, engineOptions{place: m.place, force: m.how.Force, onRemoved: func() { close(m.removed) }, trusted: m.stores.judge, log: m.log})
	if err != nil {
		return err
	}
	if err = m.settle(ctx, authority); err == nil && m.how.Force {
		err = m.forgetOthers(ctx)
	}
	if err != nil {
		m.engine.Close()
	}
	return err
}

// takePlace reads the place of this controller among the others. If there is none, it becomes
// the first controller of a cluster, and the authority of its stores is returned.
func (m *Clustered) takePlace() (*identity.Authority, error) {
	if m.external() {
		return nil, nil
	}
	dir := m.set.Directory
	place, err := member.Load(dir)
	switch {
	case errors.Is(err, member.ErrNone):
	case err != nil:
		return nil, err
	case place.Name != m.set.Name:
		return nil, fmt.Errorf("%s is the place of controller %s in its cluster, and this one is %s: give it its name (--name), or another directory", member.File(dir), place.Name, m.set.Name)
	case place.Settled:
		m.place = place
		return nil, m.sameAddress(place)
	}
	// Nothing of a store counts that was not settled: the state is still in the files.
	if err := os.RemoveAll(filepath.Join(dir, storeDir)); err != nil {
		return nil, err
	}
	place, authority, err := member.Found(m.set.Name, ownPrefix, peerURL(m.set), certifiedHosts(m.set), time.Now())
	if err != nil {
		return nil, err
	}
	m.place = place
	return &authority, place.Save(dir)
}

// sameAddress returns an error if the store of this controller would not be where the others
// look for it. Its port is sure to be wrong then. Another host may be another name for the same
// one.
func (m *Clustered) sameAddress(place member.Place) error {
	now := peerURL(m.set)
	if now == place.URL {
		return nil
	}
	was, err := url.Parse(place.URL)
	if err != nil {
		return fmt.Errorf("%s: %w", member.File(m.set.Directory), err)
	}
	if was.Port() != strconv.Itoa(int(m.set.Cluster.Peer.Port)) {
		return fmt.Errorf("controller.peer_port (--peer-port) is %d, and the other controllers reach the store of this one at %s: set %s again; for another port remove this controller (zeekfleet controller remove %s), and join anew",
			m.set.Cluster.Peer.Port, place.URL, was.Port(), m.set.Name)
	}
	m.log.Warn("this controller has another address than the other controllers know: if they cannot reach its store, set controller.advertise (--advertise) as it was, or remove this controller and join anew",
		"known", place.URL, "now", now)
	return nil
}

// settle completes the first start of a store.
func (m *Clustered) settle(ctx context.Context, authority *identity.Authority) error {
	dir := m.set.Directory
	if authority != nil {
		if err := m.keepPeersAuthority(ctx, *authority); err != nil {
			return err
		}
	}
	if authority != nil || m.external() {
		if err := m.bringState(ctx); err != nil {
			return err
		}
	}
	if authority != nil {
		m.place.Settled = true
		if err := m.place.Save(dir); err != nil {
			return err
		}
	}
	return putAside(dir)
}

// peersKey and peersCertificate are the entries with the authority of the stores.
const (
	peersKey         = "key"
	peersCertificate = "certificate"
)

// keepPeersAuthority keeps the authority of the stores where all controllers find it.
func (m *Clustered) keepPeersAuthority(ctx context.Context, a identity.Authority) error {
	key, err := identity.KeyPEM(a.Key)
	if err != nil {
		return err
	}
	_, err = m.engine.Store(peersPart, quorum.Fence{}).Save(ctx, []store.Change{
		{Key: peersKey, Value: key}, {Key: peersCertificate, Value: identity.CertPEM(a.Cert)},
	}, 0)
	return err
}

// peersAuthority returns the authority of the stores.
func (m *Clustered) peersAuthority(ctx context.Context) (identity.Authority, error) {
	entries, _, err := m.engine.Store(peersPart, quorum.Fence{}).Load(ctx, "")
	if err != nil {
		return identity.Authority{}, err
	}
	texts := map[string][]byte{}
	for _, e := range entries {
		texts[e.Key] = e.Value
	}
	var certs []*x509.Certificate
	a := identity.Authority{}
	if a.Key, err = identity.ReadKey(texts[peersKey]); err == nil {
		certs, err = identity.ReadCerts(texts[peersCertificate])
	}
	if err != nil {
		return a, fmt.Errorf("the authority of the controllers' stores: %w", err)
	}
	a.Cert = certs[0]
	return a, nil
}

// forgetOthers forgets the controllers that are lost for ever.
func (m *Clustered) forgetOthers(ctx context.Context) error {
	texts, err := m.engine.Announced(ctx)
	if err != nil {
		return err
	}
	for name := range texts {
		if name == m.set.Name {
			continue
		}
		if err := m.engine.Withdraw(ctx, name); err != nil {
			return err
		}
		m.log.Warn("controller is no longer part of the cluster: if it comes back, it must join anew", "controller", name)
	}
	return nil
}

// prefix begins all keys of the cluster.
func (m *Clustered) prefix() string { return m.place.Prefix }

// setAside ends the names of files of a controller whose state is in a store.
const setAside = ".before-cluster"

// ownFiles are the files with the state of a controller that is alone.
var ownFiles = []string{"state.db", "authority.db", "alerts.json", "receivers"}

// putAside renames the files of a state that is in the store now.
func putAside(dir string) error {
	for _, name := range ownFiles {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(path + setAside); err != nil {
			return err
		}
		if err := os.Rename(path, path+setAside); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
