package app

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// auditDir is the directory of the audit log, below the directory of its daemon.
const auditDir = "audit"

// openControllerAudit opens the audit log of a controller.
func openControllerAudit(set settings.Controller, log *slog.Logger, how sharing) (*audit.Log, *audit.Recorder, error) {
	return openAudit(audit.Config{
		Dir: filepath.Join(set.Directory, auditDir), File: set.AuditFile,
		MaxRecords: set.AuditKeep, MaxAge: time.Duration(set.AuditDays) * 24 * time.Hour, Share: how.audit, Logger: log,
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

// AgentAudit returns the newest records of an agent's audit log since a time, of a user or of
// everybody. A limit of zero means as many as one reading gives. The agent may run.
func AgentAudit(set settings.Agent, since time.Time, user string, limit int) ([]mgmt.AuditRecord, error) {
	dir := filepath.Join(set.Directory, auditDir)
	l, err := audit.OpenToRead(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no audit in %s: no agent has run with this name and this state directory", dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("only root and the agent's own user may read the audit in %s", dir)
	case err != nil:
		return nil, err
	}
	defer l.Close()
	return l.Read(audit.Query{Since: since, User: user, Limit: cmp.Or(limit, audit.MaxLimit), Latest: true})
}
