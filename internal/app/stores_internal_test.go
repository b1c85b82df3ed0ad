//go:build !noetcd

package app

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/member"
)

func TestWhichStoresBelongToTheCluster(t *testing.T) {
	now := time.Now()
	place, authority, err := member.Found("c-1", "x/", "https://127.0.0.1:1", nil, now)
	if err != nil {
		t.Fatal(err)
	}
	own, err := ownStoreKey(place)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(name string) *x509.Certificate {
		key, err := identity.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		request, err := identity.NewRequest(identity.Identity{Kind: identity.Controller, Name: name}, key)
		if err != nil {
			t.Fatal(err)
		}
		text, err := member.Sign(authority, name, nil, request, now)
		if err != nil {
			t.Fatal(err)
		}
		chain, err := identity.ReadCerts(text)
		if err != nil {
			t.Fatal(err)
		}
		return chain[0]
	}
	chain, err := identity.ReadCerts(place.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string][]byte{
		"c-1":   announced{Name: "c-1", StoreKey: own}.encode(),
		"older": announced{Name: "older"}.encode(),
		"newer": []byte(`{"version":99}`),
	}
	var known stores
	for _, tt := range []struct {
		name string
		said map[string][]byte
		cert *x509.Certificate
		want string // in the error
	}{
		{"nothing is known yet", nil, signed("c-9"), ""},
		{"nobody has said anything", map[string][]byte{}, signed("c-9"), ""},
		{"a member", said, chain[0], ""},
		{"a member whose key is not known", said, signed("older"), ""},
		{"a member of a newer program", said, signed("newer"), ""},
		{"one that was removed", said, signed("c-2"), "controller c-2 does not belong to the cluster any more"},
		{"one that has joined anew", said, signed("c-1"), "the store of controller c-1 has another key"},
		{"no controller", said, authority.Cert, "names no controller"},
	} {
		if tt.said != nil {
			known.know(tt.said)
		}
		err := known.judge(tt.cert)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", tt.name, err)
		}
	}
}
