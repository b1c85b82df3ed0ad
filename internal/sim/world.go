package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// world is one cluster with its clients.
type world struct {
	*environment
	net     *network
	load    *workload
	chaos   *chaos
	referee *referee
	// warrants are the requests that users were allowed to make. The controller takes
	// everybody who makes a request of the kind gullible for an admin.
	warrants     *warrants
	ops          *operationBook
	gullible     string
	acknowledged acknowledged

	// controllers are those of the cluster. controller is the one that acts now, and between
	// two events the one that leads.
	controllers []*controllerPart
	controller  *controllerPart
	shared      *shared // nil: there is one controller, with a disk of its own
	agents      []*agentPart
	clients     []*client

	// dialable holds the address at which the controller was last told to dial each
	// instance.
	dialable map[mgmt.InstanceName]netip.AddrPort
	// launched holds when a process was last started for each node.
	launched map[place]time.Duration
	fates    map[mgmt.NodeName]fate // that a dialogue has set; other fates are drawn
	// read reads the controllers' store.
	read *controller.Reader
}

// place is a node on an instance. Two agents may claim to be one instance.
type place struct {
	instance mgmt.InstanceName
	node     mgmt.NodeName
}

// newWorld returns a world in which nothing runs yet.
func newWorld(rng *rand.Rand, t terms) *world {
	w := &world{
		environment: newEnvironment(rng, t),
		launched:    map[place]time.Duration{}, dialable: map[mgmt.InstanceName]netip.AddrPort{},
		read: controller.NewReader(),
	}
	w.net = &network{environment: w.environment, endpoints: w.endpoints}
	w.load, w.chaos, w.referee = &workload{world: w}, &chaos{world: w}, &referee{world: w}
	w.warrants, w.ops = newWarrants(w.environment), newOperationBook(w)
	w.warrants.ops = w.ops
	w.newController("controller", &host{addr: netip.AddrFrom4([4]byte{127, 0, 0, 1})})
	w.activate(w.controllers[0])
	return w
}

func (w *world) newController(name string, h *host) *controllerPart {
	c := &controllerPart{w: w, name: name, host: h, life: 0, ops: newOperationLife(), opened: new(opened)}
	c.book.w, c.book.controller = w, c
	w.controllers = append(w.controllers, c)
	return c
}

// activate makes a controller the one that acts. The books about controllers are about that
// one from then on.
func (w *world) activate(c *controllerPart) {
	w.controller = c
	w.ops.operationLife, w.warrants.opened = c.ops, c.opened
}

// runUntil performs the events up to a time, and checks after each of them that no
// answer is overdue.
func (w *world) runUntil(until time.Duration) {
	w.run(until, func() {
		w.afterEvent()
		for _, a := range w.agents {
			a.book.checkOverdue()
		}
	})
}

// populate makes the parts of a world, and starts them.
func (w *world) populate() {
	w.terms = w.newTerms()
	if w.shared != nil {
		w.populateControllers()
	}
	for i := range w.terms.agents {
		h := &host{addr: netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})}
		if i == 0 && w.chance(0.3) {
			h = w.controller.host
		}
		w.newAgent(string(instancePool[i]), instancePool[i], h, w.chance(0.6))
	}
	for i := range w.terms.clients {
		w.newClient(fmt.Sprintf("c%d", i+1))
	}
	for _, c := range w.controllers {
		c.start()
	}
	for _, a := range w.agents {
		a.start()
	}
}

// afterEvent checks that no controller owes an answer.
func (w *world) afterEvent() {
	for _, c := range w.controllers {
		w.activate(c)
		c.book.checkOverdue()
	}
	w.activate(w.leader())
}

// leader returns the controller that leads, or any if nobody does.
func (w *world) leader() *controllerPart {
	for _, c := range w.controllers {
		if c.m != nil && (w.shared == nil || c.member.token == w.shared.lead.Token) {
			return c
		}
	}
	return w.controllers[0]
}

// episode is a time of mischief and a time of peace.
func (w *world) episode() {
	w.mood = w.newMood()
	for _, c := range w.clients {
		w.load.behave(c)
	}
	w.chaos.harass()
	for _, stage := range []func(){
		func() { w.runUntil(w.now + w.between(5*time.Second, 4*time.Minute)) },
		w.heal,
		func() { w.runUntil(w.now + w.terms.settling()) },
		w.referee.checkPlacement,
		func() { w.runUntil(w.now + w.terms.recovery()) },
		w.referee.checkRecovery,
	} {
		if w.broken == nil {
			stage()
		}
	}
}

// heal ends all mischief. A process that is not sound is killed, and doubles go.
func (w *world) heal() {
	w.mood = mood{}
	w.did("world", "is at peace")
	for _, c := range w.controllers {
		c.heal()
	}
	for _, a := range slices.Clone(w.agents) {
		a.disk.state = diskWorks
		if a.host.cut {
			w.net.mend(a.host)
		}
		if a.label != string(a.name) {
			a.powerOff()
			w.agents = slices.DeleteFunc(w.agents, func(o *agentPart) bool { return o == a })
			continue
		}
		if a.book.shutdown {
			a.end("ends", false)
		}
		a.start()
		a.resume()
		for _, p := range slices.Clone(a.procs.live) {
			if p.phase == launching {
				p.fate = w.newFate()
			} else if !p.sound() || p.unseen == a.life {
				p.exit("killed by SIGKILL")
			}
		}
	}
	w.findOut()
}

// findOut tells every end whose other end is down that the connection has ended.
func (w *world) findOut() {
	for _, ep := range w.endpoints() {
		for _, e := range ep.ends {
			if e.far.state == down {
				w.net.resend(e)
			}
		}
	}
}

func (w *world) agent(name mgmt.InstanceName) *agentPart {
	for _, a := range w.agents {
		if a.label == string(name) {
			return a
		}
	}
	return nil
}

// endpoints returns the endpoints that may have connections to other hosts.
func (w *world) endpoints() []*endpoint {
	var list []*endpoint
	for _, c := range w.controllers {
		if c.ep != nil {
			list = append(list, c.ep)
		}
	}
	for _, a := range w.agents {
		if a.ep != nil {
			list = append(list, a.ep)
		}
	}
	for _, c := range w.clients {
		if c.ep != nil && w.shared != nil { // a single controller and its clients are on one host
			list = append(list, c.ep)
		}
	}
	return list
}
