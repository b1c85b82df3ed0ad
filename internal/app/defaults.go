package app

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/archive"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/authority"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/sso"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// Defaults returns the default values of settings. Each value comes from the package
// that uses it.
func Defaults() settings.Defaults {
	common := settings.Common{ConnectRetry: bus.DefaultRetry, PeerSilence: bus.DefaultMaxSilence}
	core := controller.Config{}.WithDefaults()
	return settings.Defaults{
		Controller: settings.Controller{
			Common:          common,
			RequestTimeout:  core.RequestTimeout,
			DeployTimeout:   core.DeployTimeout,
			CertificateLife: authority.Config{}.WithDefaults().CertificateLife,
			SSO: settings.SSO{
				GroupsClaim:  sso.DefaultGroupsClaim,
				NameClaim:    sso.DefaultNameClaim,
				SubjectClaim: sso.DefaultSubjectClaim,
				Scopes:       sso.DefaultScopes(),
				Life:         sso.DefaultLife,
			},
		},
		Agent: agentDefaults(common, agent.Config{}.WithDefaults()),
	}
}

func agentDefaults(common settings.Common, core agent.Config) settings.Agent {
	return settings.Agent{
		Common:         common,
		RequestTimeout: core.RequestTimeout,
		DeployTimeout:  core.DeployTimeout,
		OutputLines:    core.OutputLines,
		Lifecycle: settings.Lifecycle{
			StartDeadline: ofEachRole(core.StartDeadlineOf),
			StopGrace:     ofEachRole(daemon.AgentConfig{}.StopGraceOf),
			BackoffFirst:  core.Backoff.First,
			BackoffMax:    core.Backoff.Max,
			BackoffReset:  core.Backoff.Reset,
			BackoffRetry:  core.Backoff.Retry,
			GiveUp:        core.Backoff.GiveUp,
		},
		Archive: settings.Archive{Interval: archive.DefaultInterval, Level: archive.DefaultLevel},
		Zeek: settings.Zeek{
			Rotation: zeek.DefaultRotation,
		},
	}
}

func ofEachRole(of func(mgmt.ClusterRole) time.Duration) settings.PerRole {
	return settings.PerRole{
		Logger: of(mgmt.Logger), Manager: of(mgmt.Manager), Proxy: of(mgmt.Proxy), Worker: of(mgmt.Worker),
	}
}
