//go:build !noetcd

package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/store/etcdstore"
)

// openEngine starts the store of a member, or connects to that of the site.
func openEngine(ctx context.Context, set settings.Controller, o engineOptions) (engine, error) {
	cfg := etcdstore.Config{
		Name: set.Name, Prefix: o.place.Prefix, Quota: int64(set.Cluster.QuotaMegabytes) << 20,
		Heartbeat: set.Cluster.Heartbeat, Election: set.Cluster.Election, Force: o.force, OnRemoved: o.onRemoved, Trusted: o.trusted, Logger: o.log,
	}
	if site := set.Cluster.Etcd; len(site.Endpoints) > 0 {
		cfg.Endpoints, cfg.Prefix = site.Endpoints, strings.TrimSuffix(site.Prefix, "/")+"/"
		if err := siteCredentials(&cfg, site); err != nil {
			return nil, err
		}
	} else {
		files, err := o.place.Write(filepath.Join(set.Directory, peersDir))
		if err != nil {
			return nil, err
		}
		cfg.Dir, cfg.Listen, cfg.Advertise = filepath.Join(set.Directory, storeDir), peerListen(set), o.place.URL
		cfg.Join, cfg.CertFile, cfg.KeyFile, cfg.CAFile = o.place.Added, files.Cert, files.Key, files.CA
		for _, p := range o.place.Peers {
			cfg.Initial = append(cfg.Initial, quorum.Member{Name: p.Name, URLs: []string{p.URL}})
		}
	}
	e, err := etcdstore.Open(ctx, cfg)
	if err != nil {
		return nil, err // not a nil *Engine
	}
	return e, nil
}

// siteCredentials sets with what a controller proves to the etcd of a site who it is.
func siteCredentials(cfg *etcdstore.Config, site settings.Etcd) error {
	if site.TLS.CA != "" || site.TLS.Cert != "" {
		t := &tls.Config{MinVersion: tls.VersionTLS12}
		if site.TLS.CA != "" {
			authorities, err := readAuthorities(site.TLS.CA)
			if err != nil {
				return fmt.Errorf("controller.etcd.ca: %w", err)
			}
			t.RootCAs = identity.Pool(authorities)
		}
		if site.TLS.Cert != "" {
			pair, err := tls.LoadX509KeyPair(site.TLS.Cert, site.TLS.Key)
			if err != nil {
				return fmt.Errorf("controller.etcd.cert: %w", err)
			}
			t.Certificates = []tls.Certificate{pair}
		}
		cfg.TLS = t
	}
	cfg.Username = site.Username
	if site.PasswordFile == "" {
		return nil
	}
	text, err := os.ReadFile(site.PasswordFile)
	if err != nil {
		return fmt.Errorf("controller.etcd.password_file: %w", err)
	}
	if cfg.Password = strings.TrimRight(string(text), "\n"); cfg.Password == "" {
		return errors.New("controller.etcd.password_file: the file is empty")
	}
	return nil
}
