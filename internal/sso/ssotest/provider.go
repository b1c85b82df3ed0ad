package ssotest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Provider is a provider of identities.
type Provider struct {
	// Issuer is its URL.
	Issuer string
	// CAFile is a file with the authority of its certificate, and SecretFile one with
	// the secret of the client Web.
	CAFile, SecretFile string

	server *httptest.Server
	store  *store
	op     *op.Provider
	away   atomic.Int64 // requests; below zero for all
	asked  atomic.Int64
}

// New returns a provider that sends browsers back to redirect. It serves until the test
// ends.
func New(t testing.TB, redirect string, users ...User) *Provider {
	t.Helper()
	p := &Provider{}
	mux := http.NewServeMux()
	p.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		if left := p.away.Load(); left < 0 || left > 0 && p.away.CompareAndSwap(left, left-1) {
			http.Error(w, "down for maintenance", http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	p.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.server.StartTLS()
	t.Cleanup(p.server.Close)
	p.Issuer = p.server.URL
	var err error
	if p.store, err = newStore(redirect, users); err != nil {
		t.Fatal(err)
	}
	var key [32]byte
	rand.Read(key[:])
	p.op, err = op.NewProvider(&op.Config{
		CryptoKey:             key,
		CodeMethodS256:        true,
		AuthMethodPost:        true,
		GrantTypeRefreshToken: true,
		DeviceAuthorization:   op.DeviceAuthorizationConfig{Lifetime: 5 * time.Minute, PollInterval: time.Second, UserFormPath: "/device", UserCode: op.UserCodeBase20},
	}, p.store, op.StaticIssuer(p.Issuer))
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("/login", p.login)
	mux.Handle("/consent", op.NewIssuerInterceptor(p.op.IssuerFromRequest).HandlerFunc(p.consent))
	mux.HandleFunc("/device", p.device)
	mux.Handle("/", p.op)
	dir := t.TempDir()
	p.CAFile, p.SecretFile = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "secret")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw})
	for path, text := range map[string][]byte{p.CAFile: ca, p.SecretFile: []byte(Secret + "\n")} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// FleetHost is a name for which Certificate is valid as well as for 127.0.0.1.
const FleetHost = "example.com"

// Certificate returns a certificate that browsers of this package trust.
func (p *Provider) Certificate() tls.Certificate { return p.server.TLS.Certificates[0] }

// Set makes a user known, or changes one.
func (p *Provider) Set(user User) { p.store.set(user) }

// SetAway makes the provider answer the next requests with an error. With a number below
// zero it does so for ever, and with zero no longer.
func (p *Provider) SetAway(requests int64) { p.away.Store(requests) }

// Asked returns how many requests there were.
func (p *Provider) Asked() int64 { return p.asked.Load() }

// ReplaceKey makes a new key. Tokens with the old one no longer count.
func (p *Provider) ReplaceKey(id string) error { return p.store.newKey(id) }

// Claims returns what an ID token of a user says if the provider has made it now.
func (p *Provider) Claims(client, name string, groups ...string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": p.Issuer, "aud": client, "sub": "sub-" + name, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"preferred_username": name, "groups": groups,
	}
}

// Sign signs claims as the provider does.
func (p *Provider) Sign(claims map[string]any) (string, error) {
	key := p.store.current()
	return Sign(jose.ES256, jose.JSONWebKey{Key: key.key, KeyID: key.id}, claims)
}

// Sign returns a token with any key.
func Sign(algorithm jose.SignatureAlgorithm, key any, claims map[string]any) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	token, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return token.CompactSerialize()
}

// page writes a form. Its hidden fields come in pairs.
func page(w http.ResponseWriter, action, visible string, hidden ...string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<form method="post" action="%s">%s`, action, visible)
	for i := 0; i+1 < len(hidden); i += 2 {
		fmt.Fprintf(w, `<input type="hidden" name="%s" value="%s">`, hidden[i], html.EscapeString(hidden[i+1]))
	}
	io.WriteString(w, `</form>`)
}

// login asks for name and password, and then for consent.
func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	name, password := r.FormValue("username"), r.FormValue("password")
	if r.Method == http.MethodGet {
		page(w, "/login", `<input name="username"><input name="password" type="password">`, "id", r.FormValue("id"))
		return
	}
	if err := p.store.CheckUsernamePasswordSimple(name, password); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	page(w, "/consent", "May the fleet know who you are?", "id", r.FormValue("id"), "username", name, "password", password)
}

// consent sends the browser back to the fleet.
func (p *Provider) consent(w http.ResponseWriter, r *http.Request) {
	id := r.PostFormValue("id")
	if err := p.store.CheckUsernamePassword(r.PostFormValue("username"), r.PostFormValue("password"), id); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	http.Redirect(w, r, op.AuthCallbackURL(p.op)(r.Context(), id), http.StatusSeeOther)
}

// device takes the code that a command line shows.
func (p *Provider) device(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		page(w, "/device", `<input name="username"><input name="password" type="password">`, "user_code", r.FormValue("user_code"))
		return
	}
	err := p.store.confirm(r.Context(), r.PostFormValue("user_code"), r.PostFormValue("username"), r.PostFormValue("password"), r.PostFormValue("deny") == "")
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	io.WriteString(w, "You may close this page.")
}

// Confirm does what a person does with the code that a command line shows: it enters the
// code at the provider's page.
func (p *Provider) Confirm(ctx context.Context, page, code, user string, allow bool) error {
	form := "user_code=" + code + "&username=" + user + "&password=" + strings.ReplaceAll(Password, " ", "+")
	if !allow {
		form += "&deny=1"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, page, strings.NewReader(form))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := p.server.Client().Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("confirm the code: %s: %s", answer.Status, text)
	}
	return nil
}
