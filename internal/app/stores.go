//go:build !noetcd

package app

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/member"
)

// A controller that was removed still has a certificate of the authority of the stores, and that
// authority's key on its disk. So the authority alone does not say who may speak with a store.
// What the controllers say of themselves has the key of each store.

// storeKey returns the fingerprint of a key that a store shows.
func storeKey(public any) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}

// ownStoreKey returns the fingerprint of the key of this controller's store. It is empty if the
// site runs the store.
func ownStoreKey(place member.Place) (string, error) {
	if len(place.Certificate) == 0 {
		return "", nil
	}
	chain, err := identity.ReadCerts(place.Certificate)
	if err != nil {
		return "", err
	}
	return storeKey(chain[0].PublicKey)
}

// stores says which stores belong to the cluster, as far as this controller knows. Any goroutine
// may call its methods.
type stores struct {
	// keys has the fingerprints of the stores' keys, by the names of their controllers. An empty
	// one is not known. A store that starts knows nobody: it hears of the others from them.
	keys atomic.Pointer[map[string]string]
}

// know takes what the controllers say of themselves, by their names. What cannot be read, of a
// newer program for instance, is that of a member all the same.
func (s *stores) know(texts map[string][]byte) {
	keys := map[string]string{}
	for name, text := range texts {
		a, err := decodeAnnounced(name, text)
		if err != nil {
			a = announced{}
		}
		keys[name] = a.StoreKey
	}
	s.keys.Store(&keys)
}

// judge returns an error if a certificate is not that of a store of this cluster. The authority
// of the stores has signed it.
func (s *stores) judge(cert *x509.Certificate) error {
	keys := s.keys.Load()
	if keys == nil || len(*keys) == 0 {
		return nil
	}
	var id identity.Identity
	named := false
	if len(cert.URIs) == 1 {
		id, _, named = identity.FromURI(cert.URIs[0])
	}
	if !named || id.Kind != identity.Controller {
		return errors.New("the certificate of a store names no controller")
	}
	shown, err := storeKey(cert.PublicKey)
	if err != nil {
		return err
	}
	switch known, ok := (*keys)[id.Name]; {
	case !ok:
		return fmt.Errorf("controller %s does not belong to the cluster any more", id.Name)
	case known != "" && known != shown:
		return fmt.Errorf("the store of controller %s has another key since that controller joined anew", id.Name)
	}
	return nil
}
