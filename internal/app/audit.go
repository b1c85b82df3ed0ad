package app

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// auditDir is the directory of the audit log, below the directory of its daemon.
const auditDir = "audit"

// openControllerAudit opens the audit log of a controller.
func openControllerAudit(set settings.Controller, log *slog.Logger) (*audit.Log, *audit.Recorder, error) {
	return openAudit(audit.Config{
		Dir: filepath.Join(set.Directory, auditDir), File: set.AuditFile,
		MaxRecords: set.AuditKeep, MaxAge: time.Duration(set.AuditDays) * 24 * time.Hour, Logger: log,
	})
}

func openAudit(cfg audit.Config) (*audit.Log, *audit.Recorder, error) {
	l, err := audit.Open(cfg)
	if err != nil {
		return nil, nil, err
	}
	return l, audit.NewRecorder(l, cfg.Logger), nil
}

// agentAuditKeep is how many records an agent keeps. Its audit has little: who was
// refused.
const agentAuditKeep = 10_000

// openAgentAudit opens the audit log of an agent.
func openAgentAudit(set settings.Agent, log *slog.Logger) (*audit.Log, *audit.Recorder, error) {
	return openAudit(audit.Config{Dir: filepath.Join(set.Directory, auditDir), MaxRecords: agentAuditKeep, Logger: log})
}
