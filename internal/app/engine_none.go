//go:build noetcd

package app

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/zeekfleet/zeekfleet/internal/member"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/systemd"
)

var errNoStore = errors.New("controller.cluster: this program was built without the store that controllers share, as the one for sensors is: install the package zeekfleet on hosts of controllers")

// Opening says how a controller that shares its state is opened. This program has none.
type Opening struct {
	Flags   PortFlags
	Version string
	Service systemd.Notifier
	Force   bool
}

// Clustered is a controller that shares its state. This program has none.
type Clustered struct{}

// OpenClustered returns an error.
func OpenClustered(context.Context, settings.Controller, *slog.Logger, Opening) (*Clustered, error) {
	return nil, errNoStore
}

// Greeting is never called.
func (*Clustered) Greeting() string { return "" }

// Run is never called.
func (*Clustered) Run(context.Context) error { return errNoStore }

// ControllerJoining says how a controller joins others.
type ControllerJoining struct {
	Settings       settings.Controller
	Addresses      []string
	Token, Version string
	Logger         *slog.Logger
}

// JoinController returns an error.
func JoinController(context.Context, ControllerJoining) error { return errNoStore }

// takeBack returns an error if this controller was one of several.
func takeBack(_ context.Context, set settings.Controller, _ *slog.Logger) error {
	if _, err := os.Lstat(member.File(set.Directory)); err == nil {
		return errNoStore
	}
	return nil
}
