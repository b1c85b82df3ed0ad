package web

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

type beginInput struct{ Body api.UploadRequest }

func (s bundles) begin(ctx context.Context, in *beginInput) (*bodyOutput[api.Upload], error) {
	hash := mgmt.BundleHash(in.Body.Hash)
	if err := s.may(ctx, access.PushBundle, in.Body.Name); err != nil {
		return nil, err
	}
	if err := cmp.Or(hash.Check(), mgmt.CheckBundleName(in.Body.Name)); err != nil {
		return nil, problem(http.StatusUnprocessableEntity, err.Error())
	}
	// No content is removed between its push and the beginning of a deployment: prune keeps
	// what was pushed lately.
	s.contents.RLock()
	defer s.contents.RUnlock()
	push := blob.Push{Name: in.Body.Name, By: askerOf(ctx).Name, At: time.Now().UTC()}
	known := false
	if b, ok := s.cfg.Bundles.Get(hash); ok {
		for _, p := range b.Pushes {
			known = known || p.Name == push.Name && p.By == push.By
		}
	}
	p, err := s.cfg.Bundles.Begin(hash, in.Body.Size, push)
	if err != nil {
		return nil, s.wrong(err)
	}
	if p.Complete && !known {
		s.did(ctx, access.PushBundle, push.Name+" "+hash.Short())
	}
	return &bodyOutput[api.Upload]{api.Upload{Offset: p.Offset, Complete: p.Complete}}, nil
}

// partInput is a request whose body is no JSON.
type partInput struct {
	Hash   string `path:"hash" maxLength:"71"`
	Offset uint64 `header:"Upload-Offset" required:"true" maximum:"9007199254740992" doc:"How many bytes of the archive come before these."`
}

// partKey is the key of the body of a request that has a part of an archive, in its context.
type partKey struct{}

func (s bundles) part(ctx context.Context, in *partInput) (*bodyOutput[api.Upload], error) {
	hash := mgmt.BundleHash(in.Hash)
	if err := s.may(ctx, access.PushBundle, in.Hash); err != nil {
		return nil, err
	}
	if err := hash.Check(); err != nil {
		return nil, problem(http.StatusUnprocessableEntity, err.Error())
	}
	_, there := s.cfg.Bundles.Get(hash)
	p, err := s.cfg.Bundles.Append(time.Now().UTC(), hash, int64(in.Offset), ctx.Value(partKey{}).(io.Reader))
	if err != nil {
		return nil, s.wrong(err)
	}
	if b, ok := s.cfg.Bundles.Get(hash); ok && p.Complete && !there {
		s.did(ctx, access.PushBundle, namedBundle(b))
	}
	return &bodyOutput[api.Upload]{api.Upload{Offset: p.Offset, Complete: p.Complete}}, nil
}

// admitPart lets a request with a part of an archive in when there is room for one more. The
// role is checked before anything is read.
func (s *Server) admitPart(a *routes, op operation) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		refuse := func(status int, why string) {
			ctx.SetHeader("Connection", "close") // else net/http reads the body before it answers
			a.refuse(ctx, status, why)
		}
		who := askerOf(ctx.Context())
		if who.Role < op.may.May {
			reason := op.may.Forbids(who.Principal)
			s.refusing(who, op.may.Name, "", reason)
			refuse(http.StatusForbidden, reason)
			return
		}
		if r.ContentLength < 0 || r.ContentLength > api.MaxUploadPart {
			refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("a part of an archive has at most %d bytes, and says how many", api.MaxUploadPart))
			return
		}
		done, err := s.parts.enter(ctx.Context(), who.Name, s.cfg.MaxWait)
		if err != nil {
			ctx.SetHeader("Retry-After", "10")
			refuse(statusOf(err), err.Error())
			return
		}
		defer done()
		if paced, ok := r.Context().Value(connKey{}).(*conn).Conn.(interface{ Pace(counts bool) }); ok {
			paced.Pace(false) // a part is much for a newcomer, and this one is none
			defer paced.Pace(true)
		}
		out, end := http.NewResponseController(w), time.Now().Add(s.cfg.UploadTimeout)
		if out.SetReadDeadline(end) != nil || out.SetWriteDeadline(end.Add(s.cfg.WriteTimeout)) != nil {
			refuse(http.StatusInternalServerError, "the time for the request cannot be set")
			return
		}
		next(huma.WithValue(ctx, partKey{}, ctx.BodyReader()))
	}
}
