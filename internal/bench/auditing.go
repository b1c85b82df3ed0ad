package bench

import (
	"context"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// auditing measures the audit. Each record is synced, so the figure is that of the disk.
func auditing(_ context.Context, dir string) (figures []figure, err error) {
	log, err := audit.Open(audit.Config{Dir: filepath.Join(dir, "audit")})
	if err != nil {
		return nil, err
	}
	defer log.Close()
	rec := mgmt.AuditRecord{
		Who: "ann", Role: mgmt.Operator, Source: "192.0.2.7:40000", Request: "deploy", Subject: "cluster",
		Outcome: mgmt.AuditDone, Revision: "cluster",
	}
	took := make([]time.Duration, 0, 1000)
	for range cap(took) {
		began := time.Now()
		if err := log.Append(rec); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return []figure{
		{what: "audit, one record written and synced, p50", value: ms(quantile(took, 0.5)), unit: "ms"},
		{what: "audit, one record written and synced, p99", value: ms(quantile(took, 0.99)), unit: "ms"},
	}, nil
}
