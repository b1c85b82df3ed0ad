package etcdstore

import "go.etcd.io/etcd/client/pkg/v3/types"

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
