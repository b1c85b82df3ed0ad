package agent

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// telling is a request with which a process was told of a layout.
type telling struct {
	id     mgmt.ReqID
	layout string // as in mgmt.Telling
}

// layouts tells running nodes how their cluster has changed.
type layouts struct {
	*turn
	nodes   *nodes
	present mgmt.Telling // of the desired configuration
}

// tellAll tells the running nodes of a layout that they do not know. It comes before
// any process is stopped: with Broker, a node must part from a node that leaves while
// that node lives (docs/zeek.md).
func (l *layouts) tellAll() {
	for _, tier := range l.nodes.tiers {
		for _, n := range tier {
			if !n.wanted || n.peer == "" || !n.up() || !n.proc.hears {
				continue
			}
			p := n.proc
			if p.layout == l.present.Layout || p.told != nil && p.told.layout == l.present.Layout {
				continue
			}
			p.told = &telling{mgmt.NewReqID(l.rng), l.present.Layout}
			l.emit(ToNodes{
				To:  []NodePeer{{Peer: n.peer, Node: n.name(), Launch: p.launch}},
				Msg: mgmt.NodeDispatchRequest{ReqID: p.told.id, Action: l.present.Action(), Nodes: []mgmt.NodeName{n.name()}},
			})
		}
	}
}

// heard takes a node's answer to what it was told last. n may be nil.
func (l *layouts) heard(p *peer, n *node, msg mgmt.NodeDispatchResponse) {
	if n == nil || n.peer != p.id || n.proc == nil || n.proc.told == nil || n.proc.told.id != msg.ReqID {
		return
	}
	told := n.proc.told
	n.proc.layout, n.proc.told, n.proc.untold = told.layout, nil, ""
	if msg.Result.Success {
		l.emit(Note{Level: Debug, Text: "node knows the layout of the cluster", Node: n.name()})
		return
	}
	n.proc.untold = "cluster node " + string(n.name()) + " does not know how its cluster has changed; restart it: " + msg.Result.Error
	l.emit(Note{Level: Warn, Text: "node does not take the changed layout of the cluster", Node: n.name(), Err: msg.Result.Error})
	l.tell(mgmt.NotifyLog{Instance: l.cfg.Name, Msg: n.proc.untold, Node: n.name()})
}

// untold returns the texts about nodes that do not know the present layout.
func (s *nodes) untold() []string {
	var texts []string
	for _, n := range s.sorted(func(n *node) bool { return n.proc != nil && n.proc.untold != "" }) {
		texts = append(texts, n.proc.untold)
	}
	return texts
}
