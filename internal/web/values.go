package web

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// boundValues refuses a body with too many values before it is decoded: "{}" takes three
// bytes in a list, and hundreds in memory.
func (s *Server) boundValues(a *routes, op operation, timeout time.Duration) func(huma.Context, func(huma.Context)) {
	most := s.cfg.MaxValues
	switch {
	case op.large:
		most = max(most, s.cfg.MaxConfigurationValues)
	case op.anybody:
		most = min(most, maxOpenValues)
	}
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(timeout)); err != nil {
			a.refuse(ctx, http.StatusInternalServerError, fmt.Sprintf("set the time for the request: %v", err))
			return
		}
		limit := int64(s.cfg.MaxBody)
		switch {
		case op.large:
			limit = max(limit, int64(s.cfg.MaxConfiguration))
		case op.anybody:
			limit = min(limit, maxOpenBody)
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, limit))
		if mgmt.MoreValues(body, most) {
			ctx.SetHeader("Connection", "close") // there may be more of it
			a.refuse(ctx, http.StatusRequestEntityTooLarge, fmt.Sprintf("the request has more than %d JSON values, and no more are allowed", most))
			return
		}
		r.Body = replayed{io.MultiReader(bytes.NewReader(body), failing{err}, r.Body), r.Body}
		next(ctx)
	}
}

// replayed is a body of which the beginning was read.
type replayed struct {
	io.Reader
	io.Closer
}

// failing is a reader with this error. Nil means that it has ended.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}
