package daemon_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net/netip"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestPrincipalsAreNamedForPeople(t *testing.T) {
	remote := netip.MustParseAddrPort("[::ffff:192.0.2.7]:40000")
	for name, tt := range map[string]struct {
		peer bus.Peer
		want string
	}{
		"an account of this host":    {bus.Peer{Addr: remote, Caller: bus.Caller{Known: true}}, "root (uid 0)"},
		"a user without an account":  {bus.Peer{Addr: remote, Caller: bus.Caller{Known: true, UID: 4_000_000_000}}, "uid 4000000000"},
		"a certificate with a name":  {bus.Peer{Addr: remote, Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "ann"}}}, "ann (certificate)"},
		"a certificate of that name": {bus.Peer{Addr: remote, Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "root (uid 0)"}}}, "root (uid 0) (certificate)"},
		"a long name, which is cut":  {bus.Peer{Addr: remote, Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("ü", 5000)}}}, strings.Repeat("ü", 127) + "… (certificate)"},
		"somebody whom nobody knows": {bus.Peer{Addr: remote}, "unknown at 192.0.2.7"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := daemon.Principal(tt.peer), (mgmt.Principal{Name: tt.want, Role: mgmt.Admin, Source: "192.0.2.7:40000"}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}
