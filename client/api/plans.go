package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Cluster is what a configuration consists of: the instances and their nodes.
type Cluster struct {
	ID    string           `json:"id,omitempty" maxLength:"200" doc:"The ID of the configuration. It may be any text. Absent in a request: the controller makes one."`
	Hosts []ConfiguredHost `json:"instances" nullable:"false"`
	Nodes []ConfiguredNode `json:"nodes" nullable:"false"`
}

// whole returns a configuration with lists: the API takes no null in place of them.
func (c *Cluster) whole() *Cluster {
	if c == nil {
		return nil
	}
	whole := *c
	if whole.Hosts == nil {
		whole.Hosts = []ConfiguredHost{}
	}
	if whole.Nodes == nil {
		whole.Nodes = []ConfiguredNode{}
	}
	return &whole
}

// PlanRequest asks what a deployment would do. It has a configuration, or the revision
// whose configuration is meant.
type PlanRequest struct {
	Configuration *Cluster `json:"configuration,omitempty" doc:"What would be deployed. Give this or revision."`
	Revision      uint64   `json:"revision,omitempty" doc:"The revision that would be deployed again."`
	// Options change a revision.
	Options []OptionChange `json:"options,omitempty" nullable:"false" maxItems:"1000" doc:"Changes of options of the revision. With them, the revision is not deployed again: the result is a new configuration."`
	// Timeout is zero for the controller's own time for deployments. Client.Plan waits that
	// long and Config.Timeout.
	Timeout int64 `json:"timeout_seconds,omitempty" minimum:"0" maximum:"600" doc:"How long to wait for the instances. Absent: the controller's time for deployments."`
}

// OptionChange says how options of Zeek's configuration framework change at some nodes.
type OptionChange struct {
	Nodes []string          `json:"nodes,omitempty" nullable:"false" maxItems:"1000" doc:"Selectors of nodes: names, patterns, @roles, %instances. Absent: all nodes of Zeek."`
	Set   map[string]string `json:"set,omitempty" doc:"Options with their values."`
	Unset []string          `json:"unset,omitempty" nullable:"false" maxItems:"200" doc:"Options that get the values of the nodes' scripts back."`
}

// Plan says what a deployment would do now.
type Plan struct {
	Deployed uint64        `json:"deployed" doc:"The revision that is deployed now. 0 stands for none."`
	Changes  bool          `json:"changes" doc:"Whether the deployment would change anything at the nodes."`
	Nodes    []PlannedNode `json:"nodes" nullable:"false" doc:"Every node of the new and of the deployed configuration, by instance and name."`
	// Bundles and Options have what differs from the deployed configuration.
	Bundles  []PlannedBundle `json:"bundles,omitempty" nullable:"false" doc:"The bundles whose content differs from the deployed one."`
	Options  []PlannedOption `json:"options,omitempty" nullable:"false" doc:"The options that differ from the deployed ones. Values are not named: they may be secret."`
	Problems []Finding       `json:"problems" nullable:"false" doc:"What the preflight of the hosts has found. With a problem, the deployment would be refused."`
	Doubts   []Finding       `json:"doubts" nullable:"false" doc:"What may be wrong, and prevents nothing."`
	Unknown  []Finding       `json:"unknown" nullable:"false" doc:"The instances that did not say what they would do, with the reason."`
	Fetching []PlannedFetch  `json:"fetching,omitempty" nullable:"false" doc:"The instances that still fetch bundles, and did not check anything. They go on: ask again."`
	// Templates are for those who have read a cluster file. Client.Plan leaves them empty.
	Templates []PlannedTemplate `json:"templates,omitempty" nullable:"false" doc:"What the templates of workers in a cluster file have become. A controller sends none: whoever has read the file adds them."`
}

// PlannedTemplate is a section of a cluster file that describes workers alike.
type PlannedTemplate struct {
	Name   string           `json:"name" doc:"The name of the section."`
	Line   int              `json:"line" doc:"The line of the section in its file."`
	Groups []PlannedWorkers `json:"groups" nullable:"false"`
}

// PlannedWorkers are the workers of a template on one interface of one instance.
type PlannedWorkers struct {
	Instance   string   `json:"instance"`
	Interface  string   `json:"interface"`
	Nodes      []string `json:"nodes" nullable:"false"`
	Processors []int    `json:"processors,omitempty" nullable:"false" doc:"The processor of each node. Absent: they are bound to none."`
	FanoutID   int      `json:"fanout_id,omitempty" doc:"The fan-out group of AF_PACKET in which they share the packets. Absent: they are in none."`
}

// Names returns the names of the nodes in short: "worker-eth0-1…8".
func (w PlannedWorkers) Names() string {
	if len(w.Nodes) < 2 {
		return strings.Join(w.Nodes, "")
	}
	last := w.Nodes[len(w.Nodes)-1]
	return w.Nodes[0] + "…" + last[strings.LastIndex(last, "-")+1:]
}

// ProcessorList returns the processors in their order, with ranges: "2-5,8".
func (w PlannedWorkers) ProcessorList() string {
	var parts []string
	for i := 0; i < len(w.Processors); {
		end := i + 1
		for end < len(w.Processors) && w.Processors[end] == w.Processors[end-1]+1 {
			end++
		}
		part := strconv.Itoa(w.Processors[i])
		if end > i+1 {
			part += "-" + strconv.Itoa(w.Processors[end-1])
		}
		parts = append(parts, part)
		i = end
	}
	return strings.Join(parts, ",")
}

// PlannedFetch says how far an instance is that fetches bundles.
type PlannedFetch struct {
	Instance string `json:"instance"`
	Bundle   string `json:"bundle" doc:"A bundle that is on its way."`
	Done     int64  `json:"done" doc:"How many bytes of all bundles have arrived that the instance lacked."`
	Total    int64  `json:"total" doc:"How many there are. 0: it is not known yet."`
}

// PlannedNode is what a deployment does with a node.
type PlannedNode struct {
	Instance string   `json:"instance"`
	Node     string   `json:"node"`
	Role     string   `json:"role" enum:"LOGGER,MANAGER,PROXY,WORKER"`
	Action   string   `json:"action" enum:"none,start,stop,restart,options,limits" doc:"What happens to the node."`
	Because  []string `json:"because,omitempty" nullable:"false" doc:"A reason for each thing that has changed."`
	Stopped  bool     `json:"stopped,omitempty" doc:"Whether a user has stopped the node. It stays stopped."`
}

// The actions of a PlannedNode and of an OperationStep.
const (
	ActionNone    = "none"
	ActionStart   = "start"
	ActionStop    = "stop"
	ActionRestart = "restart"
	ActionPause   = "pause"
	ActionResume  = "resume"
	ActionOptions = "options" // are set while the node runs
	ActionLimits  = "limits"  // change while the node runs
)

// PlannedBundle is a bundle whose content a deployment changes.
type PlannedBundle struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind" enum:"scripts,data"`
	Hash  string   `json:"hash,omitempty" doc:"The new content. Absent: no node uses the bundle any more."`
	Was   string   `json:"was,omitempty" doc:"The deployed content. Absent: the bundle is new."`
	Nodes []string `json:"nodes,omitempty" nullable:"false" doc:"The nodes that use it."`
	// Added, Removed and Changed are paths. Each has at most MaxPlannedFiles.
	Added   []string `json:"added,omitempty" nullable:"false" doc:"Files that are new, at most 100."`
	Removed []string `json:"removed,omitempty" nullable:"false" doc:"Files that are gone, at most 100."`
	Changed []string `json:"changed,omitempty" nullable:"false" doc:"Files with other content, at most 100."`
	Files   int      `json:"files,omitempty" doc:"How many files differ."`
	Missing []string `json:"missing,omitempty" nullable:"false" doc:"The instances that do not have the content yet."`
}

// MaxPlannedFiles bounds each list of files of a PlannedBundle.
const MaxPlannedFiles = 100

// PlannedOption is an option that a deployment changes at some nodes.
type PlannedOption struct {
	Name  string   `json:"name"`
	How   string   `json:"how" enum:"set,change,unset"`
	Nodes []string `json:"nodes" nullable:"false"`
}

// The values of PlannedOption.How.
const (
	OptionSet     = "set"
	OptionChanged = "change"
	OptionUnset   = "unset"
)

// Finding is a text about an instance or a node.
type Finding struct {
	Instance string `json:"instance,omitempty"`
	Node     string `json:"node,omitempty"`
	Text     string `json:"text"`
	Stdout   string `json:"stdout,omitempty" doc:"What the node printed."`
	Stderr   string `json:"stderr,omitempty"`
	Absent   bool   `json:"absent,omitempty" doc:"Whether the instance is not connected."`
	Meant    string `json:"meant,omitempty" doc:"A connected instance that may have been meant by the name of one that is not connected."`
}

// Plan asks what a deployment would do. Nothing is changed.
func (c *Client) Plan(ctx context.Context, in PlanRequest) (p Plan, err error) {
	in.Configuration = in.Configuration.whole()
	return p, c.do(ctx, request{method: http.MethodPost, path: PathPlans, in: in, wait: planning(in.Timeout), repeatable: true}, &p)
}

// PreflightRequest asks an instance whether it could run its nodes.
type PreflightRequest struct {
	Staged bool `json:"staged,omitempty" doc:"Whether the nodes of the staged configuration are checked. Absent: those of the deployed one."`
	// Timeout is as in PlanRequest.
	Timeout int64 `json:"timeout_seconds,omitempty" minimum:"0" maximum:"600" doc:"How long to wait for the instance. Absent: the controller's time for deployments."`
}

// Preflight lets an instance check whether it could run its nodes, also those that run. The
// plan has this instance alone. Nothing is changed.
func (c *Client) Preflight(ctx context.Context, instance string, in PreflightRequest) (p Plan, err error) {
	path := PathInstances + "/" + url.PathEscape(instance) + "/preflight"
	return p, c.do(ctx, request{method: http.MethodPost, path: path, in: in, wait: planning(in.Timeout), repeatable: true}, &p)
}

// planning returns how long the client waits for a plan.
func planning(timeout int64) time.Duration {
	if timeout == 0 {
		return usualDeployment
	}
	return time.Duration(timeout) * time.Second
}

// usualDeployment is longer than a controller waits for a deployment, unless somebody has
// set another time there.
const usualDeployment = 5 * time.Minute

// DeployRequest begins a deployment. It has a configuration, or the revision whose
// configuration is deployed again.
type DeployRequest struct {
	Configuration *Cluster `json:"configuration,omitempty" doc:"What to deploy. Give this or revision."`
	Revision      uint64   `json:"revision,omitempty" doc:"The revision to deploy again."`
	// Options change the revision.
	Options []OptionChange `json:"options,omitempty" nullable:"false" maxItems:"1000" doc:"Changes of options of the revision. With them, the revision is not deployed again: the result is a new configuration."`
	Note    string         `json:"note,omitempty" maxLength:"1000" doc:"What the history shall say about it."`
	// Seen is Plan.Deployed, for example. Nil takes any deployed revision.
	Seen        *uint64 `json:"seen,omitempty" doc:"The revision that the asker takes for the deployed one, and 0 for none. If another one is deployed, nothing is done. If-Match with the tag of the deployed configuration says the same."`
	Partial     bool    `json:"partial,omitempty" doc:"Deploy to the instances that are connected. The others get their nodes when they connect."`
	RevertAfter int64   `json:"revert_after_seconds,omitempty" minimum:"0" maximum:"86400" doc:"How long the nodes may take to come up. If they take longer, or if one fails, the revision before is deployed again. Absent: it is not."`
	Timeout     int64   `json:"timeout_seconds,omitempty" minimum:"0" maximum:"86400" doc:"How long the deployment may take. Absent: the controller's time for deployments."`
}

// Deploy begins a deployment, and returns the operation that carries it out. The
// operation goes on without the client; Follow shows its progress. If Seen is not the
// deployed revision, the error is a *Problem with the status 412 (Precondition Failed).
func (c *Client) Deploy(ctx context.Context, in DeployRequest) (o Operation, err error) {
	in.Configuration = in.Configuration.whole()
	return o, c.post(ctx, PathDeployments, in, &o)
}
