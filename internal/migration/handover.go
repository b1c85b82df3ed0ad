package migration

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// A Step is one step of handing a cluster over.
type Step struct {
	Text     string   `json:"text"`
	Commands []string `json:"commands,omitempty"`
}

// A Handover says how to hand a cluster over to zeekfleet.
type Handover struct {
	Nodes []Comparison `json:"nodes"`
	Steps []Step       `json:"steps"`
	// Least and Most are how long no packet is captured, in seconds. How says how they were
	// estimated.
	Least int    `json:"least_seconds"`
	Most  int    `json:"most_seconds"`
	How   string `json:"how"`
}

// HandoverOptions say what stands in the commands of a Handover.
type HandoverOptions struct {
	This
	// Paths are the arguments of the import. Cluster and Settings are where its results are.
	Paths             []string
	Cluster, Settings string
}

// Handover compares what was imported with what runs on this host, and says how to hand over.
func (r *Result) Handover(o HandoverOptions) (*Handover, error) {
	running, err := r.running(o.This)
	if err != nil {
		return nil, err
	}
	h := &Handover{Nodes: r.compare(o.This, running)}
	start, measured := time.Duration(0), 0
	for _, one := range running {
		if one.toRunning > 0 {
			start = max(start, one.toRunning)
			measured++
		}
	}
	h.estimate(r, start, measured)
	h.steps(r, o)
	return h, nil
}

// Differs reports whether something else runs on this host than what was imported.
func (h *Handover) Differs() bool {
	return slices.ContainsFunc(h.Nodes, func(c Comparison) bool { return c.State == Different || c.State == Unknown || c.State == Absent })
}

// The parts of an estimate.
const (
	usualStart    = 5 * time.Second  // of a Zeek, if no start was measured
	stopOfTier    = 2 * time.Second  // zeekctl sleeps a second, and then looks every second
	killOfTier    = 16 * time.Second // after its patience: 1 s before, 5 s after SIGKILL, 10 s of looking
	stopOfUnits   = 2 * time.Second
	killOfUnits   = 90 * time.Second // systemd's DefaultTimeoutStopSec
	deploymentOwn = time.Second
)

// estimate says how long capture is off: from the signal to the workers until the new ones run.
// A deployment first checks the scripts of each role, which takes as long as a start.
func (h *Handover) estimate(r *Result, start time.Duration, measured int) {
	from := fmt.Sprintf("the longest of %d starts that were measured here", measured)
	if measured == 0 {
		start, from = usualStart, "a guess, because no start was measured here"
	}
	start = start.Round(time.Second)
	least, most := stopOfUnits, killOfUnits
	stops := fmt.Sprintf("systemd stops all units at once, and kills what has not ended after %v", killOfUnits)
	if r.From == Zeekctl {
		tiers := 0
		for _, role := range []mgmt.ClusterRole{mgmt.Logger, mgmt.Manager, mgmt.Proxy, mgmt.Worker} {
			if slices.ContainsFunc(r.Processes, func(p Process) bool { return p.Role == role && (p.Replaces == "" || p.Role == mgmt.Worker) }) {
				tiers++
			}
		}
		tiers = max(tiers, 1)
		least, most = time.Duration(tiers)*stopOfTier, time.Duration(tiers)*(r.StopTimeout+killOfTier)
		stops = fmt.Sprintf("zeekctl stops the workers first and then %d more kinds of nodes, each in about %v, or kills them after %v", tiers-1, stopOfTier, r.StopTimeout)
		if tiers == 1 {
			stops = fmt.Sprintf("zeekctl stops its Zeek in about %v, or kills it after %v", stopOfTier, r.StopTimeout)
		}
	}
	rest := deploymentOwn + 2*start
	h.Least, h.Most = int((least+rest)/time.Second), int((most+rest)/time.Second)
	h.How = fmt.Sprintf("%s; a deployment checks the scripts and then starts all nodes at once, and each takes about %v (%s)", stops, start, from)
}

// steps writes the steps and their commands.
func (h *Handover) steps(r *Result, o HandoverOptions) {
	add := func(text string, commands ...string) { h.Steps = append(h.Steps, Step{text, commands}) }
	cluster, settings := o.Cluster, o.Settings
	if cluster == "" || settings == "" {
		cluster, settings = "cluster.ini", "settings"
		add("Write the cluster file and the settings to files.", "zeekfleet import "+strings.Join(o.Paths, " ")+" --output "+cluster+" --settings "+settings)
	}
	h.daemons(r, settings)
	add("See what each host would start. Capture still goes on; ports that are held by what runs now are free later.", "zeekfleet plan "+cluster)
	stop, back := []string{"systemctl stop zeek.target", "mv zeek.conf zeek.conf.off", "systemctl daemon-reload"}, []string{"mv zeek.conf.off zeek.conf", "systemctl daemon-reload", "systemctl start zeek.target"}
	where := "on every host, in the directory of zeek.conf or HOST.zeek.conf"
	if r.From == Zeekctl {
		tool := path.Join(r.Base, "bin", "zeekctl")
		stop, back = []string{tool + " cron disable", tool + " stop"}, []string{tool + " cron enable", tool + " start"}
		where = "on the host of the manager"
	}
	add("Stop there, "+where+". From here on nothing is captured.", stop...)
	add("Start here.", "zeekfleet deploy "+cluster+" --yes")
	add("Look whether all nodes run. From here on packets are captured again.", "zeekfleet nodes")
	add("To go back: stop here, and start there.", slices.Concat([]string{"zeekfleet stop '*'"}, back)...)
}

// daemons writes how to start the controller and the agents.
func (h *Handover) daemons(r *Result, settings string) {
	add := func(text string, commands ...string) { h.Steps = append(h.Steps, Step{text, commands}) }
	file := func(name string) bool {
		return slices.ContainsFunc(r.Settings, func(f SettingsFile) bool { return f.Name == name })
	}
	install := func(from, to string) []string {
		return []string{"install -D -m 644 " + path.Join(settings, from) + " /etc/zeekfleet/" + to}
	}
	var controller []string
	if file("controller.yaml") {
		controller = install("controller.yaml", "controller.yaml")
	}
	if len(r.Hosts) <= 1 {
		if file("agent.yaml") {
			controller = append(controller, install("agent.yaml", "agent.yaml")...)
		}
		add("Start a controller and an agent on this host, as services. They start no node yet, and capture goes on.",
			append(controller, "systemctl enable --now zeekfleet-controller zeekfleet-agent")...)
		return
	}
	text, address := "Start a controller on the host of the manager, as a service.", r.Listen
	if address == "" {
		address = "ADDRESS-OF-THE-CONTROLLER"
		where := "/etc/zeekfleet/controller.yaml"
		if file("controller.yaml") {
			where = path.Join(settings, "controller.yaml")
		}
		text += " Before that, write an address of it that all hosts reach into " + where + " (controller.listen_address)."
	}
	add(text, append(controller, "systemctl enable --now zeekfleet-controller")...)
	for _, host := range r.Hosts {
		name := string(host.Instance) + ".agent.yaml"
		if !file(name) {
			name = "agent.yaml"
		}
		var commands []string
		commands = append(commands, "zeekfleet token create "+string(host.Instance)+"   # at the controller; prints the token")
		if file(name) {
			commands = append(commands, install(name, "agent.yaml")...)
		}
		commands = append(commands, "zeekfleet agent join "+address+" --token TOKEN", "systemctl enable --now zeekfleet-agent")
		add(fmt.Sprintf("Let %s join as instance %s, and start its agent. It starts no node yet.", host.Name, host.Instance), commands...)
	}
}

// Print writes the comparison and the steps for people.
func (h *Handover) Print(out io.Writer) {
	fmt.Fprintln(out, "What runs on this host, and what was imported:")
	width := 0
	for _, c := range h.Nodes {
		width = max(width, len(c.Node))
	}
	for _, c := range h.Nodes {
		text := string(c.State)
		if c.PID > 0 {
			text += fmt.Sprintf(" (process %d)", c.PID)
		}
		fmt.Fprintf(out, "  %-*s  %s\n", width, c.Node, text)
		for _, d := range c.Differences {
			fmt.Fprintf(out, "  %-*s    %s\n", width, "", d)
		}
	}
	fmt.Fprintln(out, "\nHow to hand over:")
	for i, s := range h.Steps {
		fmt.Fprintf(out, "  %d. %s\n", i+1, s.Text)
		for _, c := range s.Commands {
			fmt.Fprintf(out, "       %s\n", c)
		}
	}
	fmt.Fprintf(out, "\nCapture is off for about %d s, and at most %d s: %s.\n", h.Least, h.Most, h.How)
}
