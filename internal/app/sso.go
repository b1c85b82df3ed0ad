package app

import (
	"net/url"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/sso"
)

// openSSO returns the provider of identities. It is nil if the settings have none. The
// provider is asked at the first login.
func openSSO(set settings.SSO) (*sso.Provider, error) {
	if set.Issuer == "" {
		return nil, nil
	}
	return sso.New(sso.Config{
		Issuer:       set.Issuer,
		ClientID:     set.ClientID,
		CLIClientID:  set.CLIClientID,
		SecretFile:   set.SecretFile,
		RedirectURL:  set.RedirectURL,
		Scopes:       set.Scopes,
		GroupsClaim:  set.GroupsClaim,
		NameClaim:    set.NameClaim,
		SubjectClaim: set.SubjectClaim,
		Roles:        set.Roles,
		CAFile:       set.CAFile,
		Life:         set.Life,
	})
}

// withSSOHost returns the names of this host with the one to which the provider sends
// browsers back. Browsers call the controller by it.
func withSSOHost(names []string, set settings.SSO) []string {
	u, err := url.Parse(set.RedirectURL)
	if err != nil || u.Hostname() == "" || slices.Contains(names, u.Hostname()) {
		return names
	}
	return append(slices.Clone(names), u.Hostname())
}
