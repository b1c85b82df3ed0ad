package web

import (
	"context"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// registerJoining adds what gives somebody an identity.
func (a *routes) registerJoining() {
	register(a, operation{
		id: "join", method: http.MethodPost, path: api.PathJoin, may: access.RowOf(access.Join{}), anybody: true, attempt: true,
		summary: "Join the cluster as an agent", errors: []int{http.StatusUnauthorized, http.StatusConflict, http.StatusNotImplemented},
	}, a.s.join)
	register(a, operation{
		id: "login", method: http.MethodPost, path: api.PathLogin, may: access.RowOf(access.Login{}), anybody: true, attempt: true,
		summary: "Log in as a user, for a certificate", errors: []int{http.StatusUnauthorized, http.StatusNotImplemented},
	}, a.s.login)
	register(a, operation{
		id: "renew", method: http.MethodPost, path: api.PathRenew, anybody: true,
		summary: "Renew the certificate that the asker shows on this connection",
		details: "The new certificate has the same identity. The key may be a new one.",
		errors:  []int{http.StatusUnauthorized, http.StatusNotImplemented},
	}, a.s.renew)
	register(a, operation{
		id: "begin-session", method: http.MethodPost, path: api.PathSession, may: access.RowOf(access.Login{}), anybody: true, attempt: true,
		summary: "Log in as a user, for a session of a browser",
		details: "The session's secret is in a cookie that no script can read.",
		errors:  []int{http.StatusUnauthorized, http.StatusNotImplemented},
	}, a.s.beginSession)
	register(a, operation{
		id: "end-session", method: http.MethodDelete, path: api.PathSession, may: knownUser, status: http.StatusNoContent,
		summary: "End the session of this browser",
	}, a.s.endSession)
}

type bodyInput[T any] struct{ Body T }

type bodyOutput[T any] struct{ Body T }

func (s *Server) join(ctx context.Context, in *bodyInput[api.JoinRequest]) (*bodyOutput[api.Joined], error) {
	j, err := ask[access.Joined](ctx, s, access.Join{
		Token: in.Body.Token, Key: []byte(in.Body.Key), NodeKey: []byte(in.Body.NodeKey),
		Instance: in.Body.Instance, Replace: in.Body.Replace, Clock: in.Body.Clock,
	})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[api.Joined]{api.Joined{
		BrokerPort: s.cfg.BrokerPort,
		Cluster:    j.Cluster, Instance: j.Instance, Certificate: string(j.Certificate), Authorities: string(j.Authorities),
		NodeCertificate: string(j.NodeCertificate), NodeAuthorities: string(j.NodeAuthorities), Expires: utc(j.Expires),
		Controllers: agentAddresses(ctx, s.cfg.Controllers),
	}}, nil
}

// agentAddresses returns where the controllers of the cluster accept agents, if there are
// several. An agent learns the list later, too: it joins without one.
func agentAddresses(ctx context.Context, controllers Controllers) (list []string) {
	if controllers == nil {
		return nil
	}
	report, err := controllers.Report(ctx)
	if err != nil {
		return nil
	}
	for _, m := range report.Members {
		list = append(list, m.Agents...)
	}
	return list[:min(len(list), mgmt.MaxControllers)]
}

func (s *Server) login(ctx context.Context, in *bodyInput[api.LoginRequest]) (*bodyOutput[api.Certificate], error) {
	if in.Body.Key == "" {
		return nil, problem(http.StatusUnprocessableEntity, "key: there is no signing request in PEM form")
	}
	c, err := ask[access.Certificate](ctx, s, access.Login{Token: in.Body.Token, Key: []byte(in.Body.Key), Clock: in.Body.Clock})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[api.Certificate]{signed(c)}, nil
}

func signed(c access.Certificate) api.Certificate {
	return api.Certificate{
		Cluster: c.Cluster, Identity: c.Identity.String(), Serial: c.Serial,
		Certificate: string(c.Certificate), Authorities: string(c.Authorities), Expires: utc(c.Expires),
	}
}

// renew gives a new certificate to the identity in the certificate of the connection. It
// is judged anew: a certificate that was revoked since cannot be renewed.
func (s *Server) renew(ctx context.Context, in *bodyInput[api.RenewRequest]) (*bodyOutput[api.Certificate], error) {
	if s.cfg.Authority == nil {
		return nil, refused(errNoAuthority)
	}
	who := askerOf(ctx)
	cert := who.conn.Certificate
	if cert == nil {
		return nil, problem(http.StatusUnauthorized, "this connection shows no certificate that could be renewed: use TLS with your certificate")
	}
	id, err := s.cfg.Authority.Directory().Trust.Judge([]*x509.Certificate{cert}, time.Now())
	if err != nil {
		s.refusing(who, access.RowOf(access.Renew{}).Name, "", err.Error())
		return nil, problem(http.StatusUnauthorized, err.Error())
	}
	who.Name = id.String()
	ctx = context.WithValue(ctx, askerKey{}, who)
	who.conn.known.Store(true)
	req := access.Renew{Identity: id, Serial: identity.Serial(cert), Key: []byte(in.Body.Key), NodeKey: []byte(in.Body.NodeKey)}
	if id.Kind != identity.Agent {
		c, err := ask[access.Certificate](ctx, s, req)
		if err != nil {
			return nil, err
		}
		return &bodyOutput[api.Certificate]{signed(c)}, nil
	}
	j, err := ask[access.Joined](ctx, s, req)
	if err != nil {
		return nil, err
	}
	return &bodyOutput[api.Certificate]{api.Certificate{
		Cluster: j.Cluster, Identity: id.String(), Certificate: string(j.Certificate), Authorities: string(j.Authorities),
		NodeCertificate: string(j.NodeCertificate), NodeAuthorities: string(j.NodeAuthorities), Expires: utc(j.Expires),
	}}, nil
}

type sessionOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      api.Session
}

func (s *Server) beginSession(ctx context.Context, in *bodyInput[api.SessionRequest]) (*sessionOutput, error) {
	c, err := ask[access.Certificate](ctx, s, access.Login{Token: in.Body.Token, Clock: in.Body.Clock})
	if err != nil {
		return nil, err
	}
	who, err := s.cfg.Authority.Directory().Principal(c.Identity)
	if err != nil {
		return nil, problem(http.StatusUnauthorized, err.Error())
	}
	secret, ends := s.sessions.begin(c.Identity.Name, time.Now(), s.sessions.life)
	return &sessionOutput{*s.sessions.cookie(secret, s.sessions.life), api.Session{Name: who.Name, Role: who.Role.String(), Expires: utc(ends)}}, nil
}

type endSessionOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}

func (s *Server) endSession(ctx context.Context, _ *struct{}) (*endSessionOutput, error) {
	who := askerOf(ctx)
	if who.secret == "" {
		return nil, problem(http.StatusUnprocessableEntity, "this request belongs to no session")
	}
	s.sessions.end(who.secret)
	return &endSessionOutput{*s.sessions.cookie("", 0)}, nil
}
