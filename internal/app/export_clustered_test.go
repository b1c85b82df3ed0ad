//go:build !noetcd

package app

import "context"

// AnnounceAs writes what another controller would say of itself.
func (m *Clustered) AnnounceAs(ctx context.Context, name string, text []byte) error {
	return m.engine.Announce(ctx, name, text)
}
