package member

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// Peer is a controller as the stores know it.
type Peer struct {
	Name string
	URL  string // of its store
}

// Place is the place of a controller among the others.
type Place struct {
	// Name is the name of the controller. It is also that of its store.
	Name string
	// Prefix begins all keys of the cluster.
	Prefix string
	// URL is where the others reach its store.
	URL string
	// Peers are the members that its store must know when it starts for the first time, with
	// itself.
	Peers []Peer
	// Added says that the store was added to those of a cluster that exists.
	Added bool
	// Settled says that the store has what it is to have. Before that, it can be made anew
	// without a loss.
	Settled bool
	// CA, Certificate and Key are in PEM form.
	CA, Certificate, Key []byte
}

// ErrNone says that a controller belongs to no cluster of controllers.
var ErrNone = errors.New("this controller belongs to no cluster of controllers")

const (
	fileName = "member.json"
	maxFile  = 1 << 20 // bytes
	// maxPeers bounds the members that a file can name.
	maxPeers = 64
)

// place1 is form 1 of the file. Package durable seals it.
type place1 struct {
	Version     int     `json:"version"`
	Name        string  `json:"name"`
	Prefix      string  `json:"prefix"`
	URL         string  `json:"url"`
	Peers       []peer1 `json:"peers"`
	Added       bool    `json:"added"`
	Settled     bool    `json:"settled"`
	CA          string  `json:"ca"`
	Certificate string  `json:"certificate"`
	Key         string  `json:"key"`
}

type peer1 struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// File returns the path of the file in the directory of a controller.
func File(dir string) string { return filepath.Join(dir, fileName) }

// Load reads the place of a controller. It returns ErrNone if there is none. Its errors name
// the file, and what to do.
func Load(dir string) (Place, error) {
	path := File(dir)
	if info, err := os.Lstat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return Place{}, fmt.Errorf("%s has the key of this controller's store, and others may read it (mode %04o): find out who has; then chmod 600 it", path, info.Mode().Perm())
	}
	text, err := durable.ReadRegular(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Place{}, ErrNone
	}
	if err != nil {
		return Place{}, err
	}
	p, err := decode(text)
	if err != nil {
		return Place{}, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func decode(text []byte) (Place, error) {
	object, sealed, err := durable.Unseal(text)
	if err == nil && !sealed {
		err = durable.ErrDamaged
	}
	if err == nil {
		_, err = form.Version(object, 1)
	}
	var f place1
	if err == nil {
		err = form.Decode(object, &f)
	}
	if _, newer := errors.AsType[*form.NewerError](err); newer {
		return Place{}, err
	}
	p := Place{
		Name: f.Name, Prefix: f.Prefix, URL: f.URL, Added: f.Added, Settled: f.Settled,
		CA: []byte(f.CA), Certificate: []byte(f.Certificate), Key: []byte(f.Key),
	}
	for _, one := range f.Peers {
		p.Peers = append(p.Peers, Peer(one))
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return Place{}, fmt.Errorf("the place of this controller in its cluster cannot be read (%w): remove the controller there (zeekfleet controller remove), and join again", err)
	}
	return p, nil
}

// check returns an error if parts of a place do not belong together.
func (p Place) check() error {
	if err := (identity.Identity{Kind: identity.Controller, Name: p.Name}).Check(); err != nil {
		return err
	}
	key, err := identity.ReadKey(p.Key)
	if err != nil {
		return err
	}
	chain, err := identity.ReadCerts(p.Certificate)
	if err != nil {
		return err
	}
	authorities, err := identity.ReadCerts(p.CA)
	if err != nil {
		return fmt.Errorf("the authority of its store: %w", err)
	}
	switch {
	case p.Prefix == "" || p.URL == "" || len(p.Peers) == 0 || len(p.Peers) > maxPeers:
		return errors.New("parts of it are missing")
	case !identity.IsKeyOf(key, chain[0]):
		return errors.New("the certificate of its store does not belong to the key")
	}
	return chain[0].CheckSignatureFrom(authorities[0])
}

// Save replaces the file.
func (p Place) Save(dir string) error {
	if err := p.check(); err != nil {
		return err
	}
	f := place1{
		Version: 1, Name: p.Name, Prefix: p.Prefix, URL: p.URL, Added: p.Added, Settled: p.Settled, Peers: []peer1{},
		CA: string(p.CA), Certificate: string(p.Certificate), Key: string(p.Key),
	}
	for _, one := range p.Peers {
		f.Peers = append(f.Peers, peer1(one))
	}
	path := File(dir)
	return durable.Replace(path, path+".new", durable.Seal(form.Encode(f)))
}

// life is how long the authority of the stores, and the certificates of stores, are valid.
const life = identity.AuthorityLife

// Found returns the place of the first controller of a cluster, and the authority of the
// stores, whose key the cluster must keep. hosts are the names and addresses of the
// controller's host.
func Found(name, prefix, url string, hosts []string, now time.Time) (Place, identity.Authority, error) {
	authority, err := identity.NewAuthority("stores of a cluster of controllers", begins(now), life)
	if err != nil {
		return Place{}, identity.Authority{}, err
	}
	key, err := identity.NewKey()
	if err != nil {
		return Place{}, identity.Authority{}, err
	}
	p := Place{Name: name, Prefix: prefix, URL: url, Peers: []Peer{{name, url}}, CA: identity.CertPEM(authority.Cert)}
	if p.Key, err = identity.KeyPEM(key); err != nil {
		return Place{}, identity.Authority{}, err
	}
	cert, err := sign(authority, name, hosts, key, now)
	if err != nil {
		return Place{}, identity.Authority{}, err
	}
	p.Certificate = identity.CertPEM(cert)
	return p, authority, nil
}

func sign(by identity.Authority, name string, hosts []string, key *ecdsa.PrivateKey, now time.Time) (*x509.Certificate, error) {
	return by.Issue(leaf(name, hosts, key.Public()), begins(now))
}

// begins returns when certificates of stores begin that are made now. TLS verifies them to the
// second, and a controller whose clock is behind must take them.
func begins(now time.Time) time.Time { return now.Add(-identity.MaxEarly) }

func leaf(name string, hosts []string, key any) identity.Leaf {
	return identity.Leaf{Cluster: "stores", Identity: identity.Identity{Kind: identity.Controller, Name: name}, Key: key, Hosts: hosts, Life: life}
}

// Sign signs the request of a controller that joins, in PEM form, for its name and its
// hosts.
func Sign(by identity.Authority, name string, hosts []string, request []byte, now time.Time) ([]byte, error) {
	key, err := identity.ReadRequest(request)
	if err != nil {
		return nil, err
	}
	cert, err := by.Issue(leaf(name, hosts, key), begins(now))
	if err != nil {
		return nil, err
	}
	return identity.CertPEM(cert), nil
}

// Files are the paths of the certificate of a store, its key, and its authority.
type Files struct{ Cert, Key, CA string }

// Write writes the certificate, the key and the authority as files, for the store.
func (p Place) Write(dir string) (Files, error) {
	f := Files{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "ca.pem")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return f, err
	}
	for path, text := range map[string][]byte{f.Cert: p.Certificate, f.Key: p.Key, f.CA: p.CA} {
		if err := durable.Replace(path, path+".new", text); err != nil {
			return f, fmt.Errorf("write the certificate of this controller's store: %w", err)
		}
	}
	return f, nil
}
