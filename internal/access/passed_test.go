package access_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestPassedIsReadAsItWasWritten(t *testing.T) {
	a, err := identity.NewAuthority("test", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []access.Passed{
		{Name: "ann", Role: mgmt.Viewer, Source: netip.MustParseAddrPort("192.0.2.7:40000"), Secure: true, Certificate: a.Cert},
		{Name: "jürgen 😀 \x7f\"\\ <", Role: mgmt.Admin, Source: netip.MustParseAddrPort("[fe80::1%eth0]:1"), Here: true},
		{Denied: "nobody knows you", Source: netip.MustParseAddrPort("192.0.2.7:40000")},
	} {
		text := p.Text()
		if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
			t.Errorf("%q cannot be a header", text)
		}
		got, err := access.ParsePassed(text)
		if diff := cmp.Diff(p, got, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}

func TestPassedIsBounded(t *testing.T) {
	a, err := identity.NewAuthority(strings.Repeat("x", 9000), time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	p := access.Passed{Name: strings.Repeat("ü", 5000), Denied: strings.Repeat("😀", 5000), Source: netip.MustParseAddrPort("192.0.2.7:1"), Certificate: a.Cert}
	text := p.Text()
	if len(text) > access.MaxPassed {
		t.Errorf("it has %d bytes", len(text))
	}
	if got, err := access.ParsePassed(text); err != nil || got.Certificate != nil || len(got.Name) > 512 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := access.ParsePassed(text + strings.Repeat(" ", access.MaxPassed)); err == nil {
		t.Error("a text that is too long was read")
	}
}

func FuzzParsePassed(f *testing.F) {
	f.Add(`{"name":"ann","role":"viewer","source":"192.0.2.7:1","secure":true,"here":true,"certificate":"AAAA"}`)
	f.Add(`{"source":"[::1]:1"}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := access.ParsePassed(text)
		if err != nil {
			return
		}
		again, err := access.ParsePassed(p.Text())
		if err != nil || again.Role != p.Role || again.Source != p.Source {
			t.Errorf("%q becomes %q: %v", text, p.Text(), err)
		}
		p.Principal("hub-2", &access.Directory{Trust: &identity.Trust{}})
	})
}
