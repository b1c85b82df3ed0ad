package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// nodePool is the nodes that configurations are made of. Some names begin with
// others.
var nodePool = []mgmt.Node{
	{Name: "logger", Role: mgmt.Logger},
	{Name: "manager", Role: mgmt.Manager},
	{Name: "proxy", Role: mgmt.Proxy},
	{Name: "w1", Role: mgmt.Worker},
	{Name: "w10", Role: mgmt.Worker},
	{Name: "w2", Role: mgmt.Worker},
	{Name: "w3", Role: mgmt.Worker},
}

// instancePool is the names of the instances, in the order in which worlds get
// them.
var instancePool = []mgmt.InstanceName{"a1", "a10", "b", "c"}

// behave has a client do one thing after another, for as long as there is
// mischief.
func (w *world) behave(c *client) {
	if w.mood.pace == 0 {
		return
	}
	switch {
	case c.ep == nil:
		c.connect()
	case w.chance(0.02):
		c.leave()
	case c.connected() && len(c.awaits) < 4:
		for range 1 + w.rng.IntN(10)/8 {
			id, unique := w.someReqID()
			c.ask(w.someRequest(c, id), unique)
		}
	}
	w.after(w.between(10*time.Millisecond, 5*time.Second), func() { w.behave(c) })
}

// someReqID returns a request ID, and whether it is nobody else's.
func (w *world) someReqID() (id mgmt.ReqID, unique bool) {
	switch w.rng.IntN(12) {
	case 0:
		return "", false
	case 1:
		return "again", false
	case 2:
		return mgmt.ReqID(strings.Repeat("x", 1020+w.rng.IntN(9))), false
	}
	return w.newReqID(), true
}

func (w *world) someRequest(c *client, id mgmt.ReqID) mgmt.Message {
	switch w.rng.IntN(20) {
	case 0, 1, 2, 3:
		c.last = w.someConfiguration(c.last)
		config := c.last.Clone()
		if w.chance(0.1) {
			w.spoil(&config)
		}
		return mgmt.StageConfigurationRequest{ReqID: id, Config: config}
	case 4, 5:
		return mgmt.DeployRequest{ReqID: id}
	case 6, 7:
		return w.someDeployment(c, id)
	case 8, 9, 10:
		return mgmt.GetNodesRequest{ReqID: id}
	case 11, 12, 13:
		return mgmt.GetIDValueRequest{ReqID: id, ID: pick(w, []string{"Cluster::node", unknownID}), Nodes: w.someNames()}
	case 14, 15:
		return mgmt.RestartRequest{ReqID: id, Nodes: w.someNames()}
	case 16:
		return mgmt.GetInstancesRequest{ReqID: id}
	case 17:
		return mgmt.GetConfigurationRequest{ReqID: id, Deployed: w.chance(0.5)}
	case 18:
		return mgmt.TestTimeoutRequest{ReqID: id, WithState: w.chance(0.5)}
	}
	return pick(w, []mgmt.Message{
		mgmt.DeployResponse{ReqID: id},
		mgmt.NotifyAgentsReady{},
		mgmt.AgentStandbyRequest{ReqID: id},
		mgmt.GetNodesResponse{ReqID: id},
	})
}

// someDeployment is one as only our own client asks for it.
func (w *world) someDeployment(c *client, id mgmt.ReqID) mgmt.Message {
	msg := mgmt.StagedDeployRequest{ReqID: id, Partial: w.chance(0.5)}
	if w.chance(0.3) {
		msg.ID = c.last.ID
	}
	if w.chance(0.3) {
		msg.Patience = pick(w, []time.Duration{3 * time.Second, 20 * time.Second, 28 * time.Second})
	}
	return msg
}

// someNames returns names for a request: none, some, or wrong ones.
func (w *world) someNames() []mgmt.NodeName {
	var names []mgmt.NodeName
	for range w.rng.IntN(4) {
		names = append(names, pick(w, nodePool).Name)
	}
	if w.chance(0.1) {
		names = append(names, "nobody")
	}
	return names
}

// someConfiguration returns a new configuration, most often a small change of
// the one before.
func (w *world) someConfiguration(last mgmt.Configuration) mgmt.Configuration {
	c := last.Clone()
	switch {
	case last.ID == "" || w.chance(0.2):
		c = w.freshConfiguration()
	case w.chance(0.3): // the same again
	case len(c.Nodes) > 0 && len(c.Instances) > 0 && w.chance(0.5):
		w.changeNode(&c)
	default:
		w.addNode(&c)
	}
	w.configs++
	c.ID = fmt.Sprintf("x%d", w.configs)
	return c
}

func (w *world) freshConfiguration() mgmt.Configuration {
	var c mgmt.Configuration
	for _, a := range w.agents {
		if a.label == string(a.name) && w.chance(0.7) {
			c.Instances = append(c.Instances, w.instance(a))
		}
	}
	if w.chance(0.1) {
		c.Instances = append(c.Instances, mgmt.Instance{Name: "ghost", Host: mgmt.UnknownHost})
	}
	for range w.rng.IntN(len(nodePool)) {
		w.addNode(&c)
	}
	return c
}

// instance describes an agent as a configuration does. One that waits to be
// dialed needs its address there.
func (w *world) instance(a *agentPart) mgmt.Instance {
	in := mgmt.Instance{Name: a.name, Host: mgmt.UnknownHost}
	if w.chance(0.3) {
		in.Host = a.host.addr
	}
	if !a.dials || w.chance(0.1) {
		in.Host, in.ListenPort = a.host.addr, new(mgmt.TCPPort(a.addr.Port()))
	}
	return in
}

// addNode adds a node that is not there yet, if there is one and a place for it.
func (w *world) addNode(c *mgmt.Configuration) {
	n := pick(w, nodePool)
	if _, exists := c.Node(n.Name); exists || len(c.Instances) == 0 {
		return
	}
	n.Instance = pick(w, c.Instances).Name
	n.State = mgmt.Running
	c.Nodes = append(c.Nodes, n)
}

// changeNode changes one node, moves it or removes it.
func (w *world) changeNode(c *mgmt.Configuration) {
	i := w.rng.IntN(len(c.Nodes))
	switch w.rng.IntN(3) {
	case 0:
		c.Nodes[i].Env = map[string]string{"VARIANT": fmt.Sprint(w.rng.IntN(3))}
	case 1:
		c.Nodes[i].Instance = pick(w, c.Instances).Name
	case 2:
		c.Nodes = slices.Delete(c.Nodes, i, i+1)
	}
}

// spoil makes a mistake.
func (w *world) spoil(c *mgmt.Configuration) {
	n := pick(w, nodePool)
	n.Instance = "nowhere"
	switch w.rng.IntN(7) {
	case 0:
		c.Nodes = append(c.Nodes, n)
	case 1:
		c.Nodes = append(c.Nodes, c.Nodes...)
	case 2:
		c.Instances = append(c.Instances, mgmt.Instance{Name: "b/../c"})
	case 3:
		c.Instances = append(c.Instances, mgmt.Instance{Name: "w1", Host: mgmt.UnknownHost})
	case 4:
		c.Instances = slices.DeleteFunc(c.Instances, func(mgmt.Instance) bool { return w.chance(0.5) })
	case 5: // dialed where nobody is
		c.Instances = append(c.Instances, mgmt.Instance{Name: "ghost", Host: netip.AddrFrom4([4]byte{10, 0, 0, 99}), ListenPort: new(mgmt.TCPPort(2151))})
	case 6:
		*c = mgmt.Configuration{ID: c.ID}
	}
}
