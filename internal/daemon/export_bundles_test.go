package daemon

import (
	"context"
	"io"

	"golang.org/x/time/rate"
)

// LimitedStream reads r with so many bytes a second at most.
func LimitedStream(ctx context.Context, r io.ReadCloser, perSecond int) io.ReadCloser {
	return limitedStream{r, ctx, rate.NewLimiter(rate.Limit(perSecond), bundleBurst)}
}
