package authority_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/access"
	. "github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// oracle knows in a few lines who may get a certificate. It is slow and simple.
type oracle struct {
	*world
	key []byte
	// tokens are the texts of tokens that work, with their ends and uses.
	tokens map[string]*spell
	// held are the certificates that count, by serial number.
	held map[string]*holding
	// users are the users that were added here.
	users map[string]mgmt.UserRole
	texts []string // of all tokens ever
	serials,
	names []string
}

type spell struct {
	forWhom identity.Identity
	until   time.Time
	uses    int
}

type holding struct {
	owner identity.Identity
	until time.Time
	// line are the serial numbers of the certificates from which it was renewed.
	line []string
}

// TestNobodyGetsACertificateWithoutAProof makes requests of all kinds by chance, as users
// of all roles, with good and bad tokens and certificates. It checks each answer against
// the oracle, and what everybody believes against what was revoked.
func TestNobodyGetsACertificateWithoutAProof(t *testing.T) {
	key := csr(t)
	rapid.Check(t, func(rt *rapid.T) {
		o := &oracle{
			world: newWorld(t, Config{CertificateLife: 48 * time.Hour}), key: key,
			tokens: map[string]*spell{}, held: map[string]*holding{}, users: map[string]mgmt.UserRole{},
			texts: []string{""}, serials: []string{"", "77"}, names: []string{"ann", "bob"},
		}
		for range rapid.IntRange(1, 40).Draw(rt, "requests") {
			o.turn(rt)
			o.check(rt)
		}
	})
}

// turn makes one request, or lets something else happen.
func (o *oracle) turn(rt *rapid.T) {
	who := rapid.SampledFrom([]mgmt.Principal{root, root, viewer, nobody, {Name: "otto", Role: mgmt.Operator}}).Draw(rt, "who")
	switch rapid.IntRange(0, 9).Draw(rt, "event") {
	case 0:
		o.wait(rapid.SampledFrom([]time.Duration{time.Minute, time.Hour, 20 * time.Hour}).Draw(rt, "wait"))
		return
	case 1:
		o.restart()
		return
	case 2:
		o.full = !o.full
		return
	}
	req := o.request(rt)
	answer := o.ask(who, req)
	o.judge(rt, who, req, answer)
}

func (o *oracle) request(rt *rapid.T) access.Request {
	name := rapid.SampledFrom(o.names).Draw(rt, "name")
	text := rapid.SampledFrom(o.texts).Draw(rt, "token")
	serial := rapid.SampledFrom(o.serials).Draw(rt, "serial")
	replace := rapid.Bool().Draw(rt, "replace")
	owner := rapid.SampledFrom([]identity.Identity{agent(name), user(name)}).Draw(rt, "owner")
	if h := o.held[serial]; h != nil && rapid.Bool().Draw(rt, "its owner") {
		owner = h.owner
	}
	return rapid.SampledFrom([]access.Request{
		access.CreateToken{Instance: name, Uses: rapid.IntRange(1, 2).Draw(rt, "uses"), TTL: time.Hour},
		access.Join{Token: text, Key: o.key, Replace: replace},
		access.Join{Token: text, Key: o.key, Replace: true},
		access.Login{Token: text, Key: o.key},
		access.Renew{Identity: owner, Serial: serial, Key: o.key},
		access.Sign{Identity: owner, Key: o.key, Replace: replace},
		access.RevokeCertificate{Serial: serial},
		access.RevokeCertificate{Identity: owner},
		access.RevokeToken{ID: idOf(text)},
		access.AddUser{Name: name, Role: mgmt.Viewer},
		access.RemoveUser{Name: name},
	}).Draw(rt, "request")
}

func idOf(text string) string {
	if parts := strings.Split(text, "-"); len(parts) == 4 {
		return parts[2]
	}
	return text
}

// judge checks an answer that gives something, and learns from it.
func (o *oracle) judge(rt *rapid.T, who mgmt.Principal, req access.Request, answer access.Answer) {
	if r, refused := answer.(access.Refusal); refused {
		if r.Reason == "" {
			rt.Errorf("%T is refused without a reason", req)
		}
		return
	}
	if o.full {
		rt.Errorf("%T is answered with %T although nothing can be saved", req, answer)
	}
	if who.Role < access.RowOf(req).May {
		rt.Errorf("%s may not make %T, and got %T", who.Name, req, answer)
	}
	switch req := req.(type) {
	case access.CreateToken:
		o.learn(answer.(access.Token).Text, agent(req.Instance), req.Uses)
	case access.AddUser:
		o.users[req.Name] = req.Role
		o.learn(answer.(access.Token).Text, user(req.Name), 1)
	case access.Join:
		id := o.redeem(rt, req.Token, identity.Agent)
		if req.Replace {
			o.revoke(id)
		} else if o.holds(id) {
			rt.Errorf("%s has joined twice", id)
		}
		o.give(rt, id, answer.(access.Joined).Certificate)
	case access.Login:
		o.give(rt, o.redeem(rt, req.Token, identity.User), answer.(access.Certificate).Certificate)
	case access.Renew:
		h := o.held[req.Serial]
		if h == nil || h.owner != req.Identity || !o.now.Before(h.until) {
			rt.Errorf("%s renewed with the certificate %q, which is %+v", req.Identity, req.Serial, h)
		}
		text := certificateOf(answer)
		o.give(rt, req.Identity, text)
		if h != nil {
			o.held[serial(o, text)].line = append(slices.Clone(h.line), req.Serial)
		}
	case access.Sign:
		if req.Replace && req.Identity.Kind == identity.Agent {
			o.revoke(req.Identity)
		}
		o.give(rt, req.Identity, answer.(access.Certificate).Certificate)
	case access.RevokeCertificate:
		if req.Serial == "" {
			o.revoke(req.Identity)
			break
		}
		delete(o.held, req.Serial)
		maps.DeleteFunc(o.held, func(_ string, h *holding) bool { return slices.Contains(h.line, req.Serial) })
	case access.RevokeToken:
		for text := range o.tokens {
			if idOf(text) == req.ID {
				delete(o.tokens, text)
			}
		}
	case access.RemoveUser:
		delete(o.users, req.Name)
		o.revoke(user(req.Name))
		for text, s := range o.tokens {
			if s.forWhom == user(req.Name) {
				delete(o.tokens, text)
			}
		}
	}
}

func certificateOf(answer access.Answer) []byte {
	if joined, ok := answer.(access.Joined); ok {
		return joined.Certificate
	}
	return answer.(access.Certificate).Certificate
}

func (o *oracle) learn(text string, forWhom identity.Identity, uses int) {
	o.tokens[text] = &spell{forWhom, o.now.Add(time.Hour), uses}
	o.texts = append(o.texts, text)
}

// redeem uses a token, which must work for this kind.
func (o *oracle) redeem(rt *rapid.T, text string, kind identity.Kind) identity.Identity {
	s := o.tokens[text]
	if s == nil || s.uses == 0 || !o.now.Before(s.until) || s.forWhom.Kind != kind {
		rt.Fatalf("the token %q counts as one of the kind %s, and it is %+v", text, kind, s)
	}
	s.uses--
	return s.forWhom
}

// give notes that somebody has a certificate. It must be for that one.
func (o *oracle) give(rt *rapid.T, owner identity.Identity, text []byte) {
	if id, err := o.view.Directory.Trust.Judge(parse(o, text), o.now); err != nil || id != owner {
		rt.Errorf("the certificate of %s is that of %v: %v", owner, id, err)
	}
	if owner.Kind == identity.User && o.users[owner.Name] == mgmt.NoUser {
		rt.Errorf("%s is no user, and has a certificate", owner)
	}
	serial := serial(o, text)
	o.held[serial] = &holding{owner: owner, until: parse(o, text)[0].NotAfter}
	o.serials = append(o.serials, serial)
}

func (o *oracle) holds(id identity.Identity) bool {
	for _, h := range o.held {
		if h.owner == id && o.now.Before(h.until) {
			return true
		}
	}
	return false
}

func (o *oracle) revoke(id identity.Identity) {
	for serial, h := range o.held {
		if h.owner == id {
			delete(o.held, serial)
		}
	}
}

// check compares what everybody believes with what was given and revoked.
func (o *oracle) check(rt *rapid.T) {
	for _, serial := range o.serials {
		h := o.held[serial]
		if revoked := o.view.Directory.Trust.Revoked[serial]; h != nil && revoked {
			rt.Errorf("the certificate %s of %s counts as revoked", serial, h.owner)
		}
	}
	for name, role := range o.view.Directory.Roles {
		if o.users[name] != role {
			rt.Errorf("user %s has the role %s, want %s", name, role, o.users[name])
		}
	}
	listed := o.m.Step(o.now, Request{Who: root, Req: access.ListCertificates{}})
	for _, e := range listed {
		r, ok := e.(Reply)
		if !ok {
			continue
		}
		for _, c := range r.Answer.(access.Certificates) {
			known := slices.Contains(o.serials, c.Serial) || c.Identity.Kind == identity.Controller
			if !known || c.Revoked.IsZero() && o.held[c.Serial] == nil && c.Identity.Kind != identity.Controller {
				rt.Errorf("a certificate of %s counts that nobody was given: %+v", c.Identity, c)
			}
		}
	}
	for key, value := range o.disk {
		for _, text := range o.texts {
			if secret := text[strings.LastIndexByte(text, '-')+1:]; secret != "" && bytes.Contains(value, []byte(secret)) {
				rt.Errorf("the value %q holds a secret", key)
			}
		}
	}
}
