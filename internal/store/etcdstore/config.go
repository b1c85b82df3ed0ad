package etcdstore

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// Config holds the settings of an Engine. Name, Prefix, and either Dir with Listen and
// Advertise or Endpoints are needed.
type Config struct {
	// Name is the name of the controller. With a member in this process it is the name of
	// the member of etcd, too.
	Name string

	// Prefix is the beginning of all keys, such as "zeekfleet/CLUSTER/". It is the same for
	// all members, and ends with a slash.
	Prefix string

	// Dir is the data directory of the member of etcd in this process. Empty means that the
	// site runs etcd, at Endpoints.
	Dir string

	// Listen is where this member waits for the others, and Advertise where they reach it:
	// URLs such as https://host:2152.
	Listen, Advertise string

	// Initial are the members at the first start of this one, with itself. None means a new
	// cluster of this member alone. After the first start the members are in Dir.
	Initial []quorum.Member

	// Join says that this member was added to a cluster that exists, with Add.
	Join bool

	// Force makes a cluster of this member alone from what is in Dir. It is for a cluster
	// that has lost its majority for ever. The other members must not run any more.
	Force bool

	// CertFile, KeyFile and CAFile are the certificate with which this member shows itself
	// to the others, its key, and the authority of all members. All empty means plain HTTP,
	// which is for tests.
	CertFile, KeyFile, CAFile string

	// Endpoints are the addresses of the site's etcd, host:port or URLs. TLS is nil for
	// plain HTTP. Username and Password may be empty.
	Endpoints          []string
	TLS                *tls.Config
	Username, Password string

	// Quota bounds the database of each member of etcd in this process, in bytes. At the
	// quota it takes no writes until there is room again. Zero means 4 GiB.
	Quota int64

	// Heartbeat is how often the leader of etcd shows the others that it lives, and Election
	// how long they wait for it. Zero means 200 ms and 1 s.
	Heartbeat, Election time.Duration

	// OnRemoved is called when this member was removed from the cluster. It may be nil.
	OnRemoved func()

	// Trusted returns an error if a certificate that the authority of CAFile has signed is not that
	// of a member any more. It must not wait. Nil means that the authority alone decides.
	Trusted func(*x509.Certificate) error

	// Logger gets what etcd says. Nil means that nobody does.
	Logger *slog.Logger

	// MaxValue bounds one value, and MaxSave the keys and values of one Save, in bytes. A
	// Save beyond one of them returns store.ErrTooLarge. Zero means 64 MiB and 256 MiB.
	MaxValue, MaxSave int

	// Chunk is the size of the chunks in which large values, batches and archives are
	// stored, in bytes, at most 512 kB. Zero means 512 kB. The members need not agree.
	Chunk int

	// History is how long Run keeps what was replaced. A Load or a Follow that takes longer
	// begins again. In the etcd of a site Run keeps a day at least, because compaction is for all
	// programs of the site. Zero means 10 minutes.
	History time.Duration

	// Maintain is how often Run looks after the database. Zero means a minute.
	Maintain time.Duration

	// DefragAbove is the size of the database, in bytes, from which Run gives unused space
	// back when more than half of it is unused. Zero means 64 MiB.
	DefragAbove int64

	// Call bounds each step of Run, and the login at the etcd of a site. Zero means 5 s.
	Call time.Duration

	// NoSync leaves out waiting for the disk. It is for tests: a crash of the machine then
	// loses what was acknowledged.
	NoSync bool
}

const maxChunk = 512 << 10

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Quota = cmp.Or(max(c.Quota, 0), 4<<30)
	c.Heartbeat = cmp.Or(max(c.Heartbeat, 0), 200*time.Millisecond)
	c.Election = cmp.Or(max(c.Election, 0), time.Second)
	c.MaxValue = cmp.Or(max(c.MaxValue, 0), 64<<20)
	c.MaxSave = cmp.Or(max(c.MaxSave, 0), 256<<20)
	c.Chunk = cmp.Or(min(max(c.Chunk, 0), maxChunk), maxChunk)
	c.History = cmp.Or(max(c.History, 0), 10*time.Minute)
	c.Maintain = cmp.Or(max(c.Maintain, 0), time.Minute)
	c.DefragAbove = cmp.Or(max(c.DefragAbove, 0), 64<<20)
	c.Call = cmp.Or(max(c.Call, 0), 5*time.Second)
	return c
}

// check returns an error that says what is missing.
func (c Config) check() error {
	switch {
	case c.Name == "":
		return errors.New("the controller has no name")
	case c.Prefix == "" || !strings.HasSuffix(c.Prefix, "/"):
		return fmt.Errorf("the prefix of the keys %q does not end with a slash", c.Prefix)
	case c.Dir == "" && len(c.Endpoints) == 0:
		return errors.New("neither a data directory for etcd nor the addresses of an etcd of the site are given")
	case c.Dir != "" && len(c.Endpoints) > 0:
		return errors.New("both a data directory for etcd and the addresses of an etcd of the site are given: give one of them")
	case c.Dir == "":
		return nil
	}
	for _, u := range []string{c.Listen, c.Advertise} {
		parsed, err := url.Parse(u)
		if err != nil || parsed.Port() == "" || parsed.Scheme != c.scheme() {
			return fmt.Errorf("the address for other members %q is not of the form %s://host:port", u, c.scheme())
		}
	}
	if given := []bool{c.CertFile != "", c.KeyFile != "", c.CAFile != ""}; given[0] != given[1] || given[1] != given[2] {
		return errors.New("the certificate for other members, its key and their authority must be given together")
	}
	return nil
}

// scheme is that of the URLs of members.
func (c Config) scheme() string {
	if c.CertFile == "" {
		return "http"
	}
	return "https"
}
