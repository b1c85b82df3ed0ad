package web

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zeekfleet/zeekfleet/internal/access"
)

// admitLarge lets a request with a configuration in when there is room for its body. The
// other parts of the controller see a request only when its body is read, so the role is
// checked here.
func (s *Server) admitLarge(a *routes, op operation) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		who := askerOf(ctx.Context())
		if who.Role < op.may.May {
			reason := access.Denied(who.Principal, op.may.Name, op.may.May)
			s.refusing(who, op.may.Name, "", reason)
			ctx.SetHeader("Connection", "close") // else net/http reads the body before it answers
			a.refuse(ctx, http.StatusForbidden, reason)
			return
		}
		_, w := humago.Unwrap(ctx)
		limits := s.cfg.Limits
		end := time.Now().Add(limits.MaxWait + limits.ConfigurationTimeout + op.takes + limits.WriteTimeout)
		if err := http.NewResponseController(w).SetWriteDeadline(end); err != nil {
			a.refuse(ctx, http.StatusInternalServerError, fmt.Sprintf("set the time for the answer: %v", err))
			return
		}
		patience, cancel := context.WithTimeout(ctx.Context(), limits.MaxWait)
		defer cancel()
		if !takePlace(patience, s.reading) {
			ctx.SetHeader("Retry-After", "10")
			ctx.SetHeader("Connection", "close")
			a.refuse(ctx, http.StatusServiceUnavailable, "the controller is reading other configurations: try again in 10 s")
			return
		}
		done := sync.OnceFunc(func() { <-s.reading })
		defer done()
		next(huma.WithValue(ctx, readKey{}, done))
	}
}

// readKey is the key of a function in the context of a request with a configuration.
type readKey struct{}

// isRead makes room for the next configuration.
func isRead(ctx context.Context) { ctx.Value(readKey{}).(func())() }
