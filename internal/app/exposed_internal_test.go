package app

import (
	"bytes"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func TestInsecurePortsThatDemandCertificatesAreNotCalledOpen(t *testing.T) {
	files := settings.TLS{Cert: "cert.pem", Key: "key.pem", CA: "ca.pem"}
	for name, tt := range map[string]struct {
		set  settings.Common
		addr string
		want bool
	}{
		"insecure":                          {settings.Common{Insecure: true}, "192.0.2.1", true},
		"insecure, on loopback":             {settings.Common{Insecure: true}, "127.0.0.1", false},
		"insecure, with certificates":       {settings.Common{Insecure: true, TLS: files}, "192.0.2.1", false},
		"insecure, in plain":                {settings.Common{Insecure: true, TLS: files, Transport: settings.TransportPlain}, "192.0.2.1", true},
		"not insecure":                      {settings.Common{}, "192.0.2.1", false},
		"insecure, with half a certificate": {settings.Common{Insecure: true, TLS: settings.TLS{Cert: "cert.pem"}}, "192.0.2.1", true},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			at := settings.Listen{Addr: netip.MustParseAddr(tt.addr)}
			warnExposed(slog.New(slog.NewTextHandler(&text, nil)), tt.set, at, "agent.listen_address", demandsCertificates(tt.set))
			if (text.Len() > 0) != tt.want {
				t.Errorf("warned: %t, want %t: %s", text.Len() > 0, tt.want, text.String())
			}
		})
	}
}
