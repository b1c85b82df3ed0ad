package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// depot holds the bundles of a host. It outlives the agent.
type depot struct {
	content map[mgmt.BundleHash]bool   // whole
	parts   map[mgmt.BundleHash]int    // how many parts have arrived of others
	links   map[string]mgmt.BundleHash // the data bundles in use, by name
	way     *carriage                  // what is on its way; nil: nothing
}

func newDepot() depot {
	return depot{content: map[mgmt.BundleHash]bool{}, parts: map[mgmt.BundleHash]int{}, links: map[string]mgmt.BundleHash{}}
}

// carriage is what an agent has fetched for its latest Fetch.
type carriage struct {
	agent.Fetch
	life    int
	lacking []mgmt.Bundle
	arrived int64 // bytes
	told    int64 // the most bytes that the agent was told of
	stuck   bool  // nothing arrives until peace
}

// bundlePart is the size of a part of a bundle.
const bundlePart = 10_000_000

// partsOf returns how many parts a bundle has.
func partsOf(h mgmt.BundleHash) int { return 1 + int(h[len(h)-1])%4 }

// bundleOf returns a bundle: one of three contents that a bundle of this name may have.
func bundleOf(name string, variant int) mgmt.Bundle {
	b := mgmt.Bundle{Name: name, Kind: mgmt.ScriptBundle, Hash: mgmt.BundleHash(fmt.Sprintf("sha256:%062x%02x", len(name), variant))}
	if name == "intel" {
		b.Kind = mgmt.DataBundle
	}
	return b
}

// bundlePool holds the names of all bundles.
var bundlePool = []string{"base", "site", "intel"}

// dataOf returns the data bundles among some.
func dataOf(bundles []mgmt.Bundle) map[string]mgmt.BundleHash {
	links := map[string]mgmt.BundleHash{}
	for _, b := range bundles {
		if b.Kind == mgmt.DataBundle {
			links[b.Name] = b.Hash
		}
	}
	return links
}

// scriptsOf returns the script bundles among some.
func scriptsOf(bundles []mgmt.Bundle) []mgmt.Bundle {
	return slices.DeleteFunc(slices.Clone(bundles), func(b mgmt.Bundle) bool { return b.Kind == mgmt.DataBundle })
}

// fetch begins to get bundles from a peer.
func (a *agentPart) fetch(e agent.Fetch) {
	c := &carriage{Fetch: e, life: a.life}
	for _, b := range e.Bundles {
		if !a.depot.content[b.Hash] {
			c.lacking = append(c.lacking, b)
		}
	}
	a.depot.way = c
	a.book.checkFetch(e)
	a.book.fetching = a.w.now
	a.w.did(string(a.ep.id), e)
	a.w.after(a.w.between(0, 20*time.Millisecond), func() { a.carry(c) })
}

// carry gets the next part. Without a connection with the peer, or in a cut, nothing
// arrives. What has arrived stays, unless it is damaged.
func (a *agentPart) carry(c *carriage) {
	if a.depot.way != c || !a.alive(c.life) || c.stuck {
		return
	}
	if len(c.lacking) == 0 {
		a.fetched(c, nil)
		return
	}
	from := slices.IndexFunc(a.ep.ends, func(e *end) bool { return e.far.self.id == c.Peer && e.state == up })
	b := c.lacking[0]
	switch {
	case from < 0 || a.host.cut || a.w.chance(a.w.mood.stuck):
		c.stuck = true
		return
	case !isController(a.ep.ends[from].far.self.part) || a.w.chance(a.w.mood.lacks):
		a.fetched(c, []mgmt.Finding{{Problem: "bundle " + b.Name + ": the peer does not have it"}})
		return
	case a.w.chance(a.w.mood.damaged):
		c.arrived -= int64(a.depot.parts[b.Hash]) * bundlePart
		delete(a.depot.parts, b.Hash)
	}
	a.depot.parts[b.Hash]++
	c.arrived += bundlePart
	if a.depot.parts[b.Hash] == partsOf(b.Hash) {
		delete(a.depot.parts, b.Hash)
		a.depot.content[b.Hash] = true
		c.lacking = c.lacking[1:]
	}
	a.progress(c, b.Name)
	took := a.w.between(0, 200*time.Millisecond)
	if a.w.chance(a.w.mood.slow) {
		took = a.w.between(0, 9*time.Second)
	}
	a.w.after(took, func() { a.carry(c) })
}

// progress tells the core how far a Fetch is.
func (a *agentPart) progress(c *carriage, name string) {
	total := c.arrived
	for _, b := range c.lacking {
		total += int64(partsOf(b.Hash)-a.depot.parts[b.Hash]) * bundlePart
	}
	if !a.beginPurely(a.pure.fetches[c.ID]) || a.depot.way != c {
		a.pure.next = false
		return
	}
	if c.arrived > c.told {
		c.told = c.arrived
		a.book.putOff()
	}
	a.step(agent.Fetching{ID: c.ID, Bundle: name, Done: c.arrived, Total: total})
}

// fetched answers a Fetch.
func (a *agentPart) fetched(c *carriage, findings []mgmt.Finding) {
	if !a.beginPurely(a.pure.fetches[c.ID]) {
		return
	}
	if a.depot.way != c {
		a.pure.next = false
		return
	}
	a.depot.way = nil
	answer := agent.Fetched{ID: c.ID, Findings: findings}
	if len(findings) > 0 {
		for _, b := range c.lacking {
			answer.Missing = append(answer.Missing, b.Name)
		}
	}
	a.step(answer)
}

// use switches data bundles, and removes what nobody needs: neither the configuration, nor a
// process that lives, nor the latest Fetch.
func (a *agentPart) use(bundles []mgmt.Bundle) {
	if len(bundles)+len(a.depot.links) > 0 {
		a.w.did(string(a.ep.id), agent.Use{Bundles: bundles})
	}
	a.book.checkUse(bundles)
	a.depot.links = dataOf(bundles)
	needed := map[mgmt.BundleHash]bool{}
	for _, b := range bundles {
		needed[b.Hash] = true
	}
	for _, p := range a.procs.live {
		for _, b := range p.bundles {
			needed[b.Hash] = true
		}
	}
	if a.depot.way != nil {
		for _, b := range a.depot.way.Bundles {
			needed[b.Hash] = true
		}
	}
	for _, name := range bundlePool {
		for variant := range 3 {
			if h := bundleOf(name, variant).Hash; !needed[h] && a.w.chance(0.5) {
				delete(a.depot.content, h)
			}
		}
	}
}

// resume lets bundles arrive again.
func (a *agentPart) resume() {
	if c := a.depot.way; c != nil && c.stuck {
		c.stuck = false
		a.w.after(0, func() { a.carry(c) })
	}
}

// checkFetch demands that somebody has asked for a configuration with these bundles.
func (b *agentBook) checkFetch(e agent.Fetch) {
	if !slices.ContainsFunc(b.asked, func(r asked) bool {
		return r.peer == e.Peer && slices.Equal(r.config.BundlesOf(b.agent.name), e.Bundles)
	}) || len(e.Bundles) == 0 {
		b.w.violated("%s fetches %v from %s, which has not asked for that", b.agent.label, e.Bundles, e.Peer)
	}
}

// putOff puts off the answers to requests that wait for bundles: bundles have arrived.
func (b *agentBook) putOff() {
	most := b.w.terms.agent.WithDefaults().FetchTimeout
	for i, r := range b.asked {
		if len(r.config.BundlesOf(b.agent.name)) == 0 {
			continue
		}
		off := min(b.w.now-max(b.fetching, r.since), r.since+r.patience+most-r.due)
		b.asked[i].due += max(off, 0)
		b.asked[i].whole += max(off, 0)
	}
	b.fetching = b.w.now
}

// checkUse demands that the bundles in use are those of the saved configuration, and that
// the host has them.
func (b *agentBook) checkUse(bundles []mgmt.Bundle) {
	if !slices.Equal(bundles, b.agent.disk.saved.Desired.BundlesOf(b.agent.name)) {
		b.w.violated("%s uses %v, which are not those that are saved", b.agent.label, bundles)
	}
	b.checkContent("uses", bundles)
}

// checkContent demands that the host has the content of bundles.
func (b *agentBook) checkContent(does string, bundles []mgmt.Bundle) {
	for _, one := range bundles {
		if !b.agent.depot.content[one.Hash] {
			b.w.violated("%s %s bundle %s, whose content is not there", b.agent.label, does, one.Name)
		}
	}
}

// checkFurnished demands that a node that is started finds its bundles and its options as
// they are saved.
func (b *agentBook) checkFurnished(e agent.Start) {
	n := e.Plan.Node
	b.checkContent("starts "+string(n.Name)+" with", n.Bundles)
	for name, hash := range dataOf(n.Bundles) {
		if b.agent.depot.links[name] != hash {
			b.w.violated("%s starts %s before it uses its data bundle %s", b.agent.label, n.Name, name)
		}
	}
	if saved, _ := b.agent.disk.saved.Desired.Node(n.Name); !slices.Equal(saved.RunOptions, n.RunOptions) || saved.Limits != n.Limits || !slices.Equal(saved.Bundles, n.Bundles) {
		b.w.violated("%s starts %s with options, limits or bundles that are not saved", b.agent.label, n.Name)
	}
}

// checkLimit demands that a process gets only limits that are saved.
func (b *agentBook) checkLimit(e agent.Limit) {
	if saved, ok := b.agent.disk.saved.Desired.Node(e.Node); !ok || saved.Limits != e.Limits {
		b.w.violated("%s limits %s by %+v, which is not saved", b.agent.label, e.Node, e.Limits)
	}
}

// announcement notes that the agent hears what a node can do.
func (b *agentBook) announcement(e *end, msg mgmt.Message) {
	if p, ok := e.far.self.part.(*process); ok {
		if _, announces := msg.(mgmt.NotifyDispatches); announces {
			p.announced = b.agent.life
		}
	}
}

// checkOptions demands that a node that was deployed with success has its options. Of a
// process of its earlier life, the agent knows that it can be told when it has heard so.
func (b *agentBook) checkOptions(res mgmt.Result) {
	saved, ok := b.agent.disk.saved.Desired.Node(res.Node)
	p := b.agent.procs.running(res.Node)
	if !ok || p == nil || p.fate.old || p.begunIn != b.agent.life && p.announced != b.agent.life {
		return
	}
	if !slices.Equal(p.options, saved.RunOptionArguments()) {
		b.w.violated("%s says that %s was deployed, and it has the options %q", b.agent.label, p, p.options)
	}
}

// setOptions is what a node does with its options: it takes all or none.
func (p *process) setOptions(options []string) (err string) {
	if p.fate.stubborn {
		return "it does not want them"
	}
	p.options = slices.Clone(options)
	return ""
}

// checkFurniture demands that an agent uses the bundles that are deployed on its instance,
// and that its nodes have their options.
func (r *referee) checkFurniture(config mgmt.Configuration) {
	for _, a := range r.agents {
		if !r.reachable(a) || r.refused(a.name) {
			continue
		}
		bundles := config.BundlesOf(a.name)
		a.book.checkContent("is to use", bundles)
		want := dataOf(bundles)
		same := len(want) == len(a.depot.links)
		for name, hash := range want {
			same = same && a.depot.links[name] == hash
		}
		if !same {
			r.violated("in peace %s has the data %v, and deployed is %v", a.label, a.depot.links, want)
		}
		for _, n := range config.NodesOf(a.name) {
			switch p := a.procs.running(n.Name); {
			case p == nil:
			case !slices.Equal(p.options, n.RunOptionArguments()):
				r.violated("in peace %s has the options %q, and deployed are %q", p, p.options, n.RunOptionArguments())
			case p.limits != n.Limits && !p.fate.unbounded:
				r.violated("in peace %s has the limits %+v, and deployed are %+v", p, p.limits, n.Limits)
			case !slices.Equal(scriptsOf(p.bundles), scriptsOf(n.Bundles)):
				r.violated("in peace %s has the scripts of %v, and deployed are %v", p, p.bundles, n.Bundles)
			}
		}
	}
}
