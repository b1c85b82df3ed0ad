package api

import (
	"context"
	"time"
)

// Status says in one document whether a cluster is well, and what is not.
type Status struct {
	Well bool      `json:"well" doc:"Whether nothing is wrong."`
	Time time.Time `json:"time" doc:"When this was so, by the controller's clock."`
	// Controller and Version are those of the Root.
	Controller string `json:"controller" doc:"The name of the controller."`
	Version    string `json:"version" doc:"The version of the controller."`
	// Controllers is nil if there is one alone.
	Controllers *Controllers `json:"controllers,omitempty" doc:"The controllers of the cluster, if there are several."`
	// Deployed and Staged are nil if there is none.
	Deployed   *Revision      `json:"deployed,omitempty"`
	Staged     *Revision      `json:"staged,omitempty" doc:"A configuration that was staged and is not deployed."`
	Instances  InstanceCount  `json:"instances"`
	Nodes      NodeCount      `json:"nodes"`
	Alerts     []Alert        `json:"alerts" nullable:"false" doc:"The alerts that fire, those that need a person first. One that is critical, and that nobody has acknowledged or silenced, is wrong as well."`
	Wrong      []StatusDetail `json:"wrong" nullable:"false" doc:"What is not well."`
	Crashed    []StatusCrash  `json:"crashed" nullable:"false" doc:"The nodes that have ended by themselves within the last hour, the latest first."`
	Stopped    []StatusMark   `json:"stopped" nullable:"false" doc:"The nodes that users have stopped."`
	Paused     []StatusMark   `json:"paused" nullable:"false" doc:"The nodes that are not restarted by themselves when they end."`
	Commands   []string       `json:"commands" nullable:"false" doc:"The nodes of the deployed configuration that are no Zeek nodes, but run a command."`
	Operations []Operation    `json:"operations" nullable:"false" doc:"The operations that run, without their steps."`
	Versions   []HostVersions `json:"versions" nullable:"false" doc:"What the instances run that are connected. Instances with the same answers are one entry."`
}

// HostVersions says what some instances run.
type HostVersions struct {
	Instances []string `json:"instances" nullable:"false"`
	Version   string   `json:"version,omitempty" doc:"The version of the agents. Absent if they did not tell."`
	Zeek      string   `json:"zeek,omitempty" doc:"The version of the Zeek that the agents start."`
	LimitsBy  string   `json:"limits_by,omitempty" doc:"What bounds the nodes, as in the host."`
}

// InstanceCount counts instances by their standing.
type InstanceCount struct {
	Total        int `json:"total"`
	Ready        int `json:"ready"`
	Absent       int `json:"absent"`
	Incompatible int `json:"incompatible"`
	Newcomer     int `json:"newcomer"`
	StandsBy     int `json:"stands_by"`
}

// NodeCount counts nodes by their state.
type NodeCount struct {
	Total   int `json:"total"`
	Running int `json:"running"`
	Pending int `json:"pending"`
	Stopped int `json:"stopped"`
	Failed  int `json:"failed"`
	Crashed int `json:"crashed"`
	Unknown int `json:"unknown"`
}

// StatusDetail is something that is not well.
type StatusDetail struct {
	Kind     string    `json:"kind" enum:"controller,instance,node,alert"`
	Instance string    `json:"instance,omitempty"`
	Node     string    `json:"node,omitempty"`
	State    string    `json:"state,omitempty" doc:"The standing of the instance, the state of the node, or the severity of the alert."`
	Since    time.Time `json:"since,omitzero"`
	Text     string    `json:"text" doc:"What is wrong, for a person."`
}

// StatusCrash is a node that has ended by itself.
type StatusCrash struct {
	Instance string    `json:"instance"`
	Node     string    `json:"node"`
	Times    int       `json:"times" doc:"How often, within the last hour."`
	Last     time.Time `json:"last" doc:"When it ended last."`
	Text     string    `json:"text" doc:"How it ended last, for a person."`
}

// StatusMark is a node that a user has stopped or paused. Who did that is not known any more
// if the operation is forgotten.
type StatusMark struct {
	Node      string    `json:"node"`
	Who       string    `json:"who,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Note      string    `json:"note,omitempty"`
	Operation uint64    `json:"operation,omitempty"`
}

// Status says whether the cluster is well, and what is not.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.get(ctx, PathStatus, &s)
}
