package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// text asks for a text that may have no end.
func (c *caller) text(ctx context.Context, r request) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(c.cfg.Timeout, func() {
		cancel(fmt.Errorf("the controller at %s did not answer within %s", c.cfg.Address, c.cfg.Timeout))
	})
	answer, err := c.open(ctx, r)
	if err == nil && !late.Stop() {
		answer.Body.Close()
		err = context.Cause(ctx)
	}
	if err == nil && (answer.StatusCode < 200 || answer.StatusCode > 299) {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, MaxAnswer))
		answer.Body.Close()
		err = readProblem(answer, body)
	}
	if err != nil {
		late.Stop()
		cancel(nil)
		return nil, err
	}
	return &textBody{caller: c, answer: answer, cause: func() error { return context.Cause(ctx) }, cancel: func() { cancel(nil) }}, nil
}

// textBody is a text that the controller sends.
type textBody struct {
	caller *caller
	answer *http.Response
	cause  func() error // of the end of the context, or nil
	cancel func()
}

// Read implements io.Reader. At the end it returns the error that the controller has sent
// after the text.
func (b *textBody) Read(p []byte) (int, error) {
	n, err := b.answer.Body.Read(p)
	switch {
	case err == nil:
	case b.cause() != nil:
		return n, b.cause()
	case err == io.EOF:
		if why := b.answer.Trailer.Get(TrailerError); why != "" {
			return n, errors.New(printable(why))
		}
	default:
		return n, fmt.Errorf("the connection with the controller at %s was lost: %w", b.caller.cfg.Address, err)
	}
	return n, err
}

// Close ends the text.
func (b *textBody) Close() error {
	b.cancel()
	return b.answer.Body.Close()
}
