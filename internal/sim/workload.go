package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// nodePool holds the nodes of all configurations. Some names begin with another
// name.
var nodePool = []mgmt.Node{
	{Name: "logger", Role: mgmt.Logger},
	{Name: "manager", Role: mgmt.Manager},
	{Name: "proxy", Role: mgmt.Proxy},
	{Name: "w1", Role: mgmt.Worker, Interface: new("eth0")},
	{Name: "w10", Role: mgmt.Worker, Interface: new("af_packet::eth0")},
	{Name: "w2", Role: mgmt.Worker, Interface: new("eth0")},
	{Name: "w3", Role: mgmt.Worker, Interface: new("eth1")},
}

// instancePool holds the names of instances. A world takes them from the start.
var instancePool = []mgmt.InstanceName{"a1", "a10", "b", "c"}

// workload makes the requests of a world's clients.
type workload struct {
	*world
	configs int // how many configurations were made
}

// behave lets a client do one thing after another, until peace begins.
func (l *workload) behave(c *client) {
	if l.mood.pace == 0 {
		return
	}
	switch {
	case c.ep == nil:
		c.connect()
	case l.chance(0.02):
		c.leave()
	case c.connected() && len(c.awaits) < 4:
		for range 1 + l.rng.IntN(10)/8 {
			c.role = l.someRole()
			id, unique := l.someReqID()
			c.ask(l.someRequest(c, id), unique)
		}
	}
	l.after(l.between(10*time.Millisecond, 5*time.Second), func() { l.behave(c) })
}

// someRole returns the role that a user has now. Most users may change something.
func (l *workload) someRole() mgmt.UserRole {
	if l.chance(0.2) {
		return pick(l.dice, []mgmt.UserRole{mgmt.NoUser, mgmt.Viewer})
	}
	return pick(l.dice, []mgmt.UserRole{mgmt.Operator, mgmt.Admin})
}

// someReqID returns a request ID, and whether no other request has it.
func (l *workload) someReqID() (id mgmt.ReqID, unique bool) {
	switch l.rng.IntN(12) {
	case 0:
		return "", false
	case 1:
		return "again", false
	case 2:
		return mgmt.ReqID(strings.Repeat("x", 1020+l.rng.IntN(9))), false
	}
	return l.newReqID(), true
}

func (l *workload) someRequest(c *client, id mgmt.ReqID) mgmt.Message {
	switch l.rng.IntN(36) {
	case 0, 1, 2, 3:
		c.last = l.someConfiguration(c.last)
		config := c.last.Clone()
		if l.chance(0.1) {
			l.spoil(&config)
		}
		return mgmt.StageConfigurationRequest{ReqID: id, Config: config}
	case 4, 5:
		return mgmt.DeployRequest{ReqID: id}
	case 6, 7:
		return l.someDeployment(c, id)
	case 8, 9, 10:
		return mgmt.GetNodesRequest{ReqID: id}
	case 11, 12, 13:
		return mgmt.GetIDValueRequest{ReqID: id, ID: pick(l.dice, []string{"Cluster::node", unknownID}), Nodes: l.someNames()}
	case 14, 15:
		return mgmt.RestartRequest{ReqID: id, Nodes: l.someNames()}
	case 16:
		return mgmt.GetInstancesRequest{ReqID: id}
	case 17:
		return mgmt.GetConfigurationRequest{ReqID: id, Deployed: l.chance(0.5)}
	case 18:
		return mgmt.TestTimeoutRequest{ReqID: id, WithState: l.chance(0.5)}
	case 20, 21, 22, 23, 24:
		return l.someChange(c, id)
	case 25, 26, 27, 28, 29, 30, 31:
		return l.someOperation(id)
	case 32, 33:
		return l.someDispatch(id)
	case 34, 35:
		return l.somePlan(c, id)
	}
	return pick(l.dice, []mgmt.Message{
		mgmt.DeployResponse{ReqID: id},
		mgmt.NotifyAgentsReady{},
		mgmt.AgentStandbyRequest{ReqID: id},
		mgmt.GetNodesResponse{ReqID: id},
	})
}

// someDeployment returns a deployment request of our own client.
func (l *workload) someDeployment(c *client, id mgmt.ReqID) mgmt.Message {
	msg := mgmt.StagedDeployRequest{ReqID: id, Partial: l.chance(0.5)}
	if l.chance(0.3) {
		msg.ID = c.last.ID
	}
	if l.chance(0.3) {
		msg.Patience = pick(l.dice, []time.Duration{3 * time.Second, 20 * time.Second, 28 * time.Second})
	}
	return msg
}

// someNames returns names for a request: none, some, or wrong ones.
func (l *workload) someNames() []mgmt.NodeName {
	var names []mgmt.NodeName
	for range l.rng.IntN(4) {
		names = append(names, pick(l.dice, nodePool).Name)
	}
	if l.chance(0.1) {
		names = append(names, "nobody")
	}
	return names
}

// someConfiguration returns a new configuration, most often a small change of
// the one before.
func (l *workload) someConfiguration(last mgmt.Configuration) mgmt.Configuration {
	c := last.Clone()
	switch {
	case last.ID == "" || l.chance(0.2):
		c = l.freshConfiguration()
	case l.chance(0.25): // nothing that restarts a node
		l.changeWhileRunning(&c)
	case l.chance(0.3): // the same again
	case len(c.Nodes) > 0 && len(c.Instances) > 0 && l.chance(0.5):
		l.changeNode(&c)
	default:
		l.addNode(&c)
	}
	l.configs++
	c.ID = fmt.Sprintf("x%d", l.configs)
	return c
}

func (l *workload) freshConfiguration() mgmt.Configuration {
	var c mgmt.Configuration
	for _, a := range l.agents {
		if a.label == string(a.name) && l.chance(0.7) {
			c.Instances = append(c.Instances, l.instance(a))
		}
	}
	if l.chance(0.1) {
		c.Instances = append(c.Instances, mgmt.Instance{Name: "ghost", Host: mgmt.UnknownHost})
	}
	for range l.rng.IntN(len(nodePool)) {
		l.addNode(&c)
	}
	return c
}

// instance describes an agent for a configuration. The description of an agent that
// does not dial has its address.
func (l *workload) instance(a *agentPart) mgmt.Instance {
	in := mgmt.Instance{Name: a.name, Host: mgmt.UnknownHost}
	if l.chance(0.3) {
		in.Host = a.host.addr
	}
	if !a.dials || l.chance(0.1) {
		in.Host, in.ListenPort = a.host.addr, new(mgmt.TCPPort(a.addr.Port()))
	}
	return in
}

// addNode adds a node to an instance. It adds nothing if the drawn node is there, or
// if there is no instance.
func (l *workload) addNode(c *mgmt.Configuration) {
	n := pick(l.dice, nodePool)
	if _, exists := c.Node(n.Name); exists || len(c.Instances) == 0 {
		return
	}
	n.Instance = pick(l.dice, c.Instances).Name
	n.State = mgmt.Running
	l.furnish(c, &n)
	c.Nodes = append(c.Nodes, n)
}

// furnish gives a node other bundles, other options and other limits.
func (l *workload) furnish(c *mgmt.Configuration, n *mgmt.Node) {
	n.Bundles, n.RunOptions = nil, nil
	for _, name := range bundlePool {
		if !l.chance(0.3) {
			continue
		}
		b := bundleOf(name, l.rng.IntN(3))
		for _, other := range c.Bundles() {
			if other.Name == name {
				b = other // a configuration has one content for a name
			}
		}
		n.Bundles = append(n.Bundles, b)
	}
	for _, name := range []string{"A::one", "B::two"} {
		if l.chance(0.3) {
			n.RunOptions = append(n.RunOptions, mgmt.Option{Name: name, Value: fmt.Sprint(l.rng.IntN(3))})
		}
	}
	if n.Limits = (mgmt.Limits{}); l.chance(0.3) {
		n.Limits = mgmt.Limits{Memory: uint64(1+l.rng.IntN(2)) << 30, Nice: l.rng.IntN(3)}
	}
}

// tuned returns a deployed configuration with other options, and with other data.
func (l *workload) tuned(deployed mgmt.Configuration) mgmt.Configuration {
	c := deployed.Clone()
	l.changeWhileRunning(&c)
	l.configs++
	c.ID = fmt.Sprintf("x%d", l.configs)
	return c
}

// changeWhileRunning changes options and the content of data.
func (l *workload) changeWhileRunning(c *mgmt.Configuration) {
	data := bundleOf("intel", l.rng.IntN(3))
	for i := range c.Nodes {
		n := &c.Nodes[i]
		bundles := n.Bundles
		l.furnish(c, n)
		n.Bundles = bundles
		for j := range n.Bundles {
			if n.Bundles[j].Name == data.Name {
				n.Bundles[j] = data
			}
		}
	}
}

// changeBundle gives a bundle another content.
func (l *workload) changeBundle(c *mgmt.Configuration) {
	b := bundleOf(pick(l.dice, bundlePool), l.rng.IntN(3))
	for i := range c.Nodes {
		for j := range c.Nodes[i].Bundles {
			if c.Nodes[i].Bundles[j].Name == b.Name {
				c.Nodes[i].Bundles[j] = b
			}
		}
	}
}

// changeNode changes one node, moves it or removes it.
func (l *workload) changeNode(c *mgmt.Configuration) {
	i := l.rng.IntN(len(c.Nodes))
	switch l.rng.IntN(6) {
	case 3:
		l.furnish(c, &c.Nodes[i])
	case 4:
		l.changeBundle(c)
	case 5:
		bundles := c.Nodes[i].Bundles
		l.furnish(c, &c.Nodes[i])
		c.Nodes[i].Bundles = bundles // only its options change
	case 0:
		c.Nodes[i].Env = map[string]string{"VARIANT": fmt.Sprint(l.rng.IntN(3))}
	case 1:
		c.Nodes[i].Instance = pick(l.dice, c.Instances).Name
	case 2:
		c.Nodes = slices.Delete(c.Nodes, i, i+1)
	}
}

// spoil puts a mistake into a configuration.
func (l *workload) spoil(c *mgmt.Configuration) {
	n := pick(l.dice, nodePool)
	n.Instance = "nowhere"
	switch l.rng.IntN(7) {
	case 0:
		c.Nodes = append(c.Nodes, n)
	case 1:
		c.Nodes = append(c.Nodes, c.Nodes...)
	case 2:
		c.Instances = append(c.Instances, mgmt.Instance{Name: "b/../c"})
	case 3:
		c.Instances = append(c.Instances, mgmt.Instance{Name: "w1", Host: mgmt.UnknownHost})
	case 4:
		c.Instances = slices.DeleteFunc(c.Instances, func(mgmt.Instance) bool { return l.chance(0.5) })
	case 5: // dialed where nobody is
		c.Instances = append(c.Instances, mgmt.Instance{Name: "ghost", Host: netip.AddrFrom4([4]byte{10, 0, 0, 99}), ListenPort: new(mgmt.TCPPort(2151))})
	case 6:
		*c = mgmt.Configuration{ID: c.ID}
	}
}
