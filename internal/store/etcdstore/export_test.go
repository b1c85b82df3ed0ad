package etcdstore

import (
	"context"
	"net"

	"go.etcd.io/etcd/client/pkg/v3/types"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Kill ends the member as a crash of its process does: it hands nothing over.
func (e *Engine) Kill() error {
	e.conn.member.closing.Store(true)
	e.conn.member.server.HardStop()
	<-e.conn.member.done
	e.conn.member.web.CloseIdleConnections()
	return e.client.Close()
}

// Cut cuts the member off from all others, and Mend ends that.
func (e *Engine) Cut() { e.eachPeer(e.conn.member.server.CutPeer) }

func (e *Engine) Mend() { e.eachPeer(e.conn.member.server.MendPeer) }

func (e *Engine) eachPeer(do func(types.ID)) {
	for _, m := range e.conn.member.server.Cluster().Members() {
		if m.ID != e.conn.member.server.MemberID() {
			do(m.ID)
		}
	}
}

// SaveHalf makes a Save count as a batch whose changes are not moved to their entries, as a
// process does that ends in between.
func SaveHalf(ctx context.Context, s store.Store, changes []store.Change, replaces store.Revision) error {
	w := &saving{Entries: s.(*Entries), replaces: replaces, nonce: "half", half: true}
	return w.try(ctx, last(changes))
}

// NewBoundedListener is newBoundedListener.
func NewBoundedListener(ln net.Listener, all, host int) net.Listener {
	return newBoundedListener(ln, all, host)
}
