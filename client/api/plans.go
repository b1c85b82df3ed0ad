package api

import (
	"context"
	"net/http"
	"net/url"
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
	// Timeout is zero for the controller's own time for deployments. Client.Plan waits that
	// long and Config.Timeout.
	Timeout int64 `json:"timeout_seconds,omitempty" minimum:"0" maximum:"600" doc:"How long to wait for the instances. Absent: the controller's time for deployments."`
}

// Plan says what a deployment would do now.
type Plan struct {
	Deployed uint64        `json:"deployed" doc:"The revision that is deployed now. 0 stands for none."`
	Changes  bool          `json:"changes" doc:"Whether the deployment would change anything at the nodes."`
	Nodes    []PlannedNode `json:"nodes" nullable:"false" doc:"Every node of the new and of the deployed configuration, by instance and name."`
	Problems []Finding     `json:"problems" nullable:"false" doc:"What the preflight of the hosts has found. With a problem, the deployment would be refused."`
	Doubts   []Finding     `json:"doubts" nullable:"false" doc:"What may be wrong, and prevents nothing."`
	Unknown  []Finding     `json:"unknown" nullable:"false" doc:"The instances that did not say what they would do, with the reason."`
}

// PlannedNode is what a deployment does with a node.
type PlannedNode struct {
	Instance string   `json:"instance"`
	Node     string   `json:"node"`
	Role     string   `json:"role" enum:"LOGGER,MANAGER,PROXY,WORKER"`
	Action   string   `json:"action" enum:"none,start,stop,restart" doc:"What happens to the node."`
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
	return p, c.do(ctx, request{method: http.MethodPost, path: PathPlans, in: in, wait: planning(in.Timeout)}, &p)
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
	return p, c.do(ctx, request{method: http.MethodPost, path: path, in: in, wait: planning(in.Timeout)}, &p)
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
	Note          string   `json:"note,omitempty" maxLength:"1000" doc:"What the history shall say about it."`
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
