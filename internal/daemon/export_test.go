package daemon

import (
	"log/slog"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

var (
	LimitedLog = limitedLog
	WriteNote  = logNote
	Screen     = Callers.screen
	Role       = Callers.role
	Barred     = AgentConfig.barred
	Instances  = ControllerConfig.instances
	Claim      = ControllerConfig.claim
	Holder     = AgentConfig.holder
	EndsInTime = endsInTime
)

// Places returns how many peers a controller takes: those that its core listens to, at most those
// that the bus takes.
func Places(cfg ControllerConfig) int {
	cfg = cfg.withDefaults()
	return min(cfg.Bus.MaxPeers-cfg.Bus.ReservedPeers, cfg.Core.Limits.Peers)
}

// LogUnreadable logs each of the messages as one that was not understood.
func LogUnreadable(log *slog.Logger, messages []bus.Message, err error) {
	p := unreadable{}
	for _, m := range messages {
		p.log(log, m, err)
	}
}

// NewSharedConfigs returns an empty sharedConfigs.
func NewSharedConfigs() *sharedConfigs { return new(sharedConfigs) }

// Encode is encode.
func (s *sharedConfigs) Encode(msg mgmt.Message, share func(zval.Value)) zval.Value {
	return s.encode(msg, share)
}
