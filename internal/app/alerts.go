package app

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/alerting"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/notify"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// receiversDir has the cursors of receivers, below the directory of the controller.
const receiversDir = "receivers"

// openAlerts opens what hosts measure, and the part that watches the cluster. Files must be open.
func (c *Controller) openAlerts(set settings.Controller, log *slog.Logger, keep alertKeeping) error {
	c.Samples = samples.New(samples.Config{})
	receivers, err := alertReceivers(set.Alerts.Receivers)
	if err != nil {
		return err
	}
	told, err := notify.New(notify.Config{
		Log: c.HappeningsLog, Dir: filepath.Join(set.Directory, receiversDir), Cursors: keep.cursors, Receivers: receivers, Controller: set.Name,
		Env: commandEnv(), Logger: log,
	})
	if err != nil {
		return err
	}
	cfg := daemon.AlertsConfig{
		Core: alerting.Config{Rules: set.Alerts.Rules, Repeat: set.Alerts.Repeat},
		Log:  c.HappeningsLog, Dir: set.Directory, Keep: keep.alerts, Receivers: told, Samples: c.Samples, Authority: c.Authority, Audit: c.Audit, Logger: log,
		Certificates: fileCertificates(set),
	}
	if c.Members != nil {
		cfg.Controllers = c.Members
	}
	if set.OwnAuthority() {
		cfg.CertificateLife = set.CertificateLife
	}
	c.Alerts, err = daemon.OpenAlerts(cfg)
	return err
}

// commandEnv is the environment of commands that are told of alerts.
func commandEnv() []string {
	return []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/"}
}

// fileCertificates returns the certificates in files that the settings name.
func fileCertificates(set settings.Controller) (list []alerting.Certificate) {
	for _, path := range []string{set.TLS.Cert, set.WebSocketTLS.Cert} {
		if path == "" || len(list) > 0 && list[0].Subject == "file "+path {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the listener has said what is wrong
		}
		pair, err := firstCertificate(text)
		if err == nil {
			list = append(list, alerting.Certificate{Subject: "file " + path, Begins: pair.NotBefore, Ends: pair.NotAfter})
		}
	}
	return list
}

// alertReceivers reads the files of receivers.
func alertReceivers(given []settings.AlertReceiver) (list []notify.Receiver, err error) {
	for _, r := range given {
		one := notify.Receiver{
			Name: r.Name, Kind: mgmt.ReceiverWebhook, URL: r.URL, Argv: r.Command, CriticalOnly: r.Severity == string(mgmt.AlertCritical),
			NoResolved: r.Resolved != nil && !*r.Resolved, Timeout: r.Wait(),
		}
		switch {
		case len(r.Command) > 0:
			one.Kind = mgmt.ReceiverCommand
		case r.Format == "slack":
			one.Kind = mgmt.ReceiverSlack
		}
		if r.URLFile != "" {
			text, err := secretFile(r.Name, r.URLFile)
			if err != nil {
				return nil, err
			}
			if one.URL = string(text); strings.ContainsAny(one.URL, " \n") {
				return nil, fmt.Errorf("receiver %q of alerts: %s must have one line, with a URL", r.Name, r.URLFile)
			}
		}
		if r.KeyFile != "" {
			if one.Key, err = secretFile(r.Name, r.KeyFile); err != nil {
				return nil, err
			}
			if len(one.Key) < minKey {
				return nil, fmt.Errorf("receiver %q of alerts: the key in %s has fewer than %d characters", r.Name, r.KeyFile, minKey)
			}
		}
		if r.CAFile != "" {
			if one.TLS, err = trusting(r.Name, r.CAFile); err != nil {
				return nil, err
			}
		}
		list = append(list, one)
	}
	return list, nil
}

// minKey is the length of the shortest key that signs messages, and maxSecretFile bounds a file
// with a secret, in bytes.
const minKey, maxSecretFile = 16, 4 << 10

// secretFile reads a secret, which nobody but its owner may read.
func secretFile(receiver, path string) ([]byte, error) {
	wrong := func(err error) error { return fmt.Errorf("receiver %q of alerts: %w", receiver, err) }
	info, err := os.Stat(path)
	if err != nil {
		return nil, wrong(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, wrong(fmt.Errorf("%s has a secret, and others may read it (mode %04o): chmod 600 it", path, info.Mode().Perm()))
	}
	text, err := durable.ReadRegular(path, maxSecretFile)
	if err != nil {
		return nil, wrong(err)
	}
	if text = bytes.TrimSpace(text); len(text) == 0 {
		return nil, wrong(fmt.Errorf("%s is empty", path))
	}
	return text, nil
}

// trusting returns the settings of a client that trusts the authorities in a file alone.
func trusting(receiver, path string) (*tls.Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("receiver %q of alerts: %w", receiver, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("receiver %q of alerts: %s has no certificate in PEM form", receiver, path)
	}
	return &tls.Config{RootCAs: pool}, nil
}

// firstCertificate returns the first certificate of a text in PEM form.
func firstCertificate(text []byte) (*x509.Certificate, error) {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			return nil, errors.New("no certificate in PEM form")
		}
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
		text = rest
	}
}
