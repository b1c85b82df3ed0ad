package etcdstore

import (
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// explain returns an error of etcd in words that say what to do, where they are known.
func (e *conn) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fmt.Errorf("etcd: %s: %w", e.noSpace(), err)
	case errors.Is(err, rpctypes.ErrNoLeader), errors.Is(err, rpctypes.ErrTimeout), errors.Is(err, rpctypes.ErrTimeoutDueToLeaderFail),
		errors.Is(err, rpctypes.ErrTimeoutDueToConnectionLost), errors.Is(err, rpctypes.ErrLeaderChanged):
		return fmt.Errorf("etcd: it has no majority now: %w", err)
	case errors.Is(err, rpctypes.ErrPermissionDenied), errors.Is(err, rpctypes.ErrAuthFailed), errors.Is(err, rpctypes.ErrUserEmpty):
		return fmt.Errorf("etcd: user %q may not read and write the keys below %s: let the administrator of etcd grant that: %w", e.cfg.Username, e.cfg.Prefix, err)
	case strings.HasPrefix(err.Error(), "etcd"):
		return err
	}
	return fmt.Errorf("etcd: %w", err)
}

// noSpace says what NOSPACE means, and what to do.
func (e *conn) noSpace() string {
	if e.member == nil {
		return "NOSPACE: the database of the site's etcd has reached its bound; compact and defragment it, raise its quota, then disarm the alarm (etcdctl alarm disarm)"
	}
	return fmt.Sprintf("NOSPACE: the database in %s has reached its bound of %d bytes; raise the quota (controller.etcd.quota) and start this controller again; it takes writes by itself when there is room", e.cfg.Dir, e.cfg.Quota)
}
