package app

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/machine"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// Preflight runs the preflight of the nodes that c has on this host's instance, as the
// instance's agent does before a deployment. It uses the settings of the agent and of
// the controller; neither of them need run. It does not disturb a running agent: a
// port of that agent's nodes counts as free. It assigns the missing ports of c as a
// controller without agents would.
//
// If a controller would refuse c, the findings say why, and Preflight checks nothing
// else. An error says why there was no preflight.
func Preflight(
	ctx context.Context, set settings.Agent, by settings.Controller, c mgmt.Configuration, log *slog.Logger,
) ([]mgmt.Finding, error) {
	rules := portRules(by)
	mistakes, warnings := c.Check(rules)
	for _, w := range append(warnings, c.CaptureDoubts()...) {
		log.Warn("doubtful configuration", "why", w)
	}
	if len(mistakes) == 0 {
		c, mistakes = c.AssignPorts(rules)
	}
	if len(mistakes) > 0 {
		return refusals(mistakes), nil
	}
	instance := mgmt.InstanceName(set.Name)
	if len(c.NodesOf(instance)) == 0 {
		var there []string
		for _, in := range c.Instances {
			there = append(there, string(in.Name))
		}
		return nil, fmt.Errorf("no node is on this host's instance, %s (--name); there are the instances %s", instance, strings.Join(there, ", "))
	}
	set, err := absolute(set)
	if err == nil {
		set, err = withNodeCertificate(set)
	}
	if err != nil {
		return nil, err
	}
	launcher, _, err := openLauncher(ctx, set, log, wouldListen(set))
	if err != nil {
		return nil, err
	}
	running, err := proc.Recorded(recordDir(set))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, rec := range running {
		pids = append(pids, rec.PID)
	}
	var plans []mgmt.Plan
	for _, plan := range mgmt.PlansOf(placed(c, set), instance).All() {
		plans = append(plans, plan)
	}
	seen := launch.Preflight{Launcher: launcher}.Run(ctx, plans, func() []int { return pids })
	for _, doubt := range seen.Doubts {
		log.Warn("cluster would be deployed with reservations", "why", doubt)
	}
	for _, doubt := range seen.Capture {
		log.Warn("nodes would capture with reservations", "why", doubt)
	}
	for _, n := range seen.Unfinished {
		seen.Findings = append(seen.Findings, mgmt.Finding{Node: n, Problem: "the check of its scripts did not end"})
	}
	return seen.Findings, nil
}

// elsewhere is the address of hosts whose address is not known. It is one of the
// addresses for documentation.
var elsewhere = netip.AddrFrom4([4]byte{192, 0, 2, 1})

// placed gives an address to each instance that has none, if another instance has
// one. A controller would take the address from the agent's connection. If no
// instance has an address, all instances are on one host.
func placed(c mgmt.Configuration, set settings.Agent) mgmt.Configuration {
	if !slices.ContainsFunc(c.Instances, func(in mgmt.Instance) bool { return mgmt.KnownHost(in.Host) }) {
		return c
	}
	here := launch.Loopback
	if mgmt.KnownHost(set.Broker.Addr) {
		here = set.Broker.Addr
	}
	var agents []mgmt.Instance
	for _, in := range c.Instances {
		in.Host = elsewhere
		if in.Name == mgmt.InstanceName(set.Name) {
			in.Host = here
		}
		agents = append(agents, in)
	}
	return c.WithHosts(agents)
}

func refusals(mistakes []string) []mgmt.Finding {
	var findings []mgmt.Finding
	for _, m := range mistakes {
		findings = append(findings, mgmt.Finding{Problem: m})
	}
	return findings
}

// portRules returns the rules of a controller that concern ports.
func portRules(by settings.Controller) mgmt.Rules {
	return mgmt.Rules{
		AssignBroker:  by.BrokerPorts.Enabled,
		BrokerStart:   by.BrokerPorts.Start,
		AssignMetrics: by.MetricsPorts.Enabled,
		MetricsStart:  by.MetricsPorts.Start,
	}
}

// wouldListen returns the host:port on which the agent would listen for nodes. If the
// settings leave the port open, it is port 1: no node connects during a preflight.
func wouldListen(set settings.Agent) string {
	at := netip.AddrPortFrom(set.Broker.Addr, cmp.Or(set.Broker.Port, 1))
	return Reachable(at.String())
}

// Hardware returns the processors and the network interfaces of this host.
func Hardware() mgmt.Hardware { return machine.ThisHardware() }
