package api

import "context"

// The paths of single sign-on. Those for browsers are no operations: PathSSOStart sends a
// browser to the provider, and the provider sends it back to PathSSOCallback.
const (
	PathSSOInfo     = "/api/v1/sso"
	PathSSOLogin    = PathSSO + "login"
	PathSSOStart    = PathSSO + "start"
	PathSSOCallback = PathSSO + "callback"
)

// SSO is what a command line needs in order to log in through a provider of identities.
type SSO struct {
	Issuer   string   `json:"issuer" doc:"The URL of the provider."`
	ClientID string   `json:"client_id" doc:"The provider's name for the command line."`
	Scopes   []string `json:"scopes" nullable:"false" doc:"What to ask the provider for."`
	// Authorities are empty if the system knows them.
	Authorities string `json:"authorities,omitempty" doc:"The authorities of the provider's certificate in PEM form. Absent: those of the system."`
	Browser     bool   `json:"browser" doc:"Whether browsers can log in: at /api/v1/sso/start."`
	Instead     string `json:"instead,omitempty" doc:"If the controller signs no certificates: why no command line can log in, for a person."`
}

// SSOLoginRequest asks for the certificate of a user who has logged in at the provider.
type SSOLoginRequest struct {
	IDToken     string `json:"id_token" maxLength:"32768" doc:"The provider's ID token. It counts once, and only while it is fresh."`
	AccessToken string `json:"access_token,omitempty" maxLength:"32768" doc:"The access token that came with it."`
	Key         string `json:"key" maxLength:"16384" doc:"A signing request in PEM form, with the user's key."`
}

// SSO returns what a login through a provider of identities needs.
func (c *Client) SSO(ctx context.Context) (s SSO, err error) { return s, c.get(ctx, PathSSOInfo, &s) }

// LoginSSO asks for the certificate of a user who has logged in at the provider. Use a
// client of AuthorityClient.
func (c *Client) LoginSSO(ctx context.Context, in SSOLoginRequest) (s Certificate, err error) {
	return s, c.post(ctx, PathSSOLogin, in, &s)
}
