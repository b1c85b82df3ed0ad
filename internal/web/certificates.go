package web

import (
	"context"
	"net/http"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// certificates are the operations on certificates and authorities.
type certificates struct{ *Server }

// registerCertificates adds the certificates and the authorities.
func (a *routes) registerCertificates() {
	register(a, operation{
		id: "list-certificates", method: http.MethodGet, path: api.PathCertificates, may: access.RowOf(access.ListCertificates{}),
		summary: "List the certificates that are valid or revoked",
	}, certificates{a.s}.listCertificates)
	register(a, operation{
		id: "sign-certificate", method: http.MethodPost, path: api.PathCertificates, may: access.RowOf(access.Sign{}), status: http.StatusCreated,
		summary: "Sign a certificate of any identity", errors: []int{http.StatusConflict, http.StatusInsufficientStorage},
	}, certificates{a.s}.sign)
	register(a, operation{
		id: "revoke-certificate", method: http.MethodDelete, path: api.PathCertificates + "/{serial}", may: access.RowOf(access.RevokeCertificate{}),
		status: http.StatusNoContent, summary: "Revoke a certificate", errors: []int{http.StatusNotFound},
	}, certificates{a.s}.revokeSerial)
	register(a, operation{
		id: "revoke-certificates", method: http.MethodPost, path: api.PathCertificates + "/revoke", may: access.RowOf(access.RevokeCertificate{}),
		status: http.StatusNoContent, summary: "Revoke a certificate, or all certificates of an identity", errors: []int{http.StatusNotFound},
	}, certificates{a.s}.revoke)
	register(a, operation{
		id: "list-authorities", method: http.MethodGet, path: api.PathAuthorities, may: access.RowOf(access.ListAuthorities{}),
		summary: "List the authorities that are trusted, the signing one first",
	}, certificates{a.s}.listAuthorities)
	register(a, operation{
		id: "rotate-authority", method: http.MethodPost, path: api.PathAuthorities, may: access.RowOf(access.RotateAuthority{}), status: http.StatusCreated,
		summary: "Replace the authority by a new one",
		details: "The new authority signs from now on. The old authority is trusted until every agent has a certificate of the new one.",
		errors:  []int{http.StatusConflict},
	}, certificates{a.s}.rotate)
}

func (s certificates) listCertificates(ctx context.Context, in *PageInput) (*pageOutput[api.IssuedCertificate], error) {
	found, err := ask[access.Certificates](ctx, s.Server, access.ListCertificates{})
	if err != nil {
		return nil, err
	}
	var list []api.IssuedCertificate
	for _, c := range found {
		list = append(list, api.IssuedCertificate{
			Serial: c.Serial, Identity: c.Identity.String(), Issued: utc(c.Issued), Expires: utc(c.Expires),
			Revoked: utc(c.Revoked), Authority: c.Authority,
		})
	}
	key := func(c api.IssuedCertificate) string { return c.Identity + " " + c.Serial }
	return &pageOutput[api.IssuedCertificate]{paged(list, *in, key)}, nil
}

func (s certificates) sign(ctx context.Context, in *bodyInput[api.SignRequest]) (*bodyOutput[api.Certificate], error) {
	id, err := identity.Parse(in.Body.Identity)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, err.Error())
	}
	c, err := ask[access.Certificate](ctx, s.Server, access.Sign{
		Identity: id, Key: []byte(in.Body.Key), Hosts: in.Body.Hosts, Life: seconds(in.Body.Life), Replace: in.Body.Replace,
	})
	if err != nil {
		return nil, err
	}
	return &bodyOutput[api.Certificate]{signed(c)}, nil
}

type serialInput struct {
	Serial string `path:"serial" maxLength:"64"`
}

func (s certificates) revokeSerial(ctx context.Context, in *serialInput) (*struct{}, error) {
	_, err := ask[access.Done](ctx, s.Server, access.RevokeCertificate{Serial: in.Serial})
	return nil, err
}

// revoke ends certificates. If it ends all of a user, the user's sessions end as well.
func (s certificates) revoke(ctx context.Context, in *bodyInput[api.RevokeRequest]) (*struct{}, error) {
	req := access.RevokeCertificate{Serial: in.Body.Serial}
	switch {
	case (in.Body.Serial == "") == (in.Body.Identity == ""):
		return nil, problem(http.StatusUnprocessableEntity, "name either the serial number of a certificate, or an identity")
	case in.Body.Identity != "":
		var err error
		if req.Identity, err = identity.Parse(in.Body.Identity); err != nil {
			return nil, problem(http.StatusUnprocessableEntity, err.Error())
		}
	}
	_, err := ask[access.Done](ctx, s.Server, req)
	if err == nil && req.Identity.Kind == identity.User {
		s.sessions.endOf(func(user string) bool { return user == req.Identity.Name })
	}
	return nil, err
}

func (s certificates) listAuthorities(ctx context.Context, _ *struct{}) (*pageOutput[api.Authority], error) {
	found, err := ask[access.Authorities](ctx, s.Server, access.ListAuthorities{})
	if err != nil {
		return nil, err
	}
	return &pageOutput[api.Authority]{api.Page[api.Authority]{Items: authorities(found)}}, nil
}

func authorities(found access.Authorities) []api.Authority {
	list := []api.Authority{}
	for _, a := range found {
		one := api.Authority{
			KeyHash: a.KeyHash, Fingerprint: a.Fingerprint, Certificate: string(a.Certificate),
			Created: utc(a.Created), Expires: utc(a.Expires), Signing: a.Signing,
		}
		for _, id := range a.Awaited {
			one.Awaited = append(one.Awaited, id.String())
		}
		for _, id := range a.Renewed {
			one.Renewed = append(one.Renewed, id.String())
		}
		one.Until = utc(a.Until)
		list = append(list, one)
	}
	return list
}

type rotateInput struct {
	Now bool `query:"now" doc:"Whether users are awaited for a few minutes alone, as after a theft. It also counts for a rotation that has begun."`
}

func (s certificates) rotate(ctx context.Context, in *rotateInput) (*pageOutput[api.Authority], error) {
	made, err := ask[access.Authorities](ctx, s.Server, access.RotateAuthority{Now: in.Now})
	if err != nil {
		return nil, err
	}
	return &pageOutput[api.Authority]{api.Page[api.Authority]{Items: authorities(made)}}, nil
}
