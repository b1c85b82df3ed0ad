//go:build !noetcd

package app

import (
	"context"
	"crypto/x509"
	"log/slog"

	"github.com/zeekfleet/zeekfleet/internal/member"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// engine is the store that controllers share, as one of them sees it.
type engine interface {
	quorum.Engine
	// Run does the upkeep of the store until ctx is done.
	Run(ctx context.Context) error
	// Failed tells why the store of this controller has ended by itself.
	Failed() <-chan error
}

// engineOptions say which store is opened.
type engineOptions struct {
	place member.Place
	// force makes the store go on alone.
	force bool
	// onRemoved is called when the others have removed this controller.
	onRemoved func()
	// trusted returns an error if a certificate is not that of a store of this cluster. Nil
	// means that the authority of the stores alone decides.
	trusted func(*x509.Certificate) error
	log     *slog.Logger
}
