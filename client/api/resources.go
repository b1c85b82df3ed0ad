package api

import "time"

// Page is a part of a list.
type Page[T any] struct {
	Items []T `json:"items" nullable:"false"`
	// Next is the value of "after" that gets the next page. It is empty on the last one.
	Next string `json:"next,omitempty" doc:"The value of the parameter after for the next page. Absent on the last page."`
	// Revision is the revision of the controller's store that the list shows. Lists that
	// are not in that store have none.
	Revision uint64 `json:"revision,omitempty" doc:"The revision of the controller's store that the list shows."`
}

// Each calls f for each item.
func (p Page[T]) Each(f func(item any)) {
	for _, item := range p.Items {
		f(item)
	}
}

// Root says what one has reached.
type Root struct {
	Name    string `json:"name" doc:"The name of the controller."`
	Version string `json:"version" doc:"The version of the program."`
	// Cluster is empty if the controller has no authority of its own.
	Cluster string `json:"cluster,omitempty" doc:"The ID of the cluster."`
	// Authority is the KeyHash of the authority that signs.
	Authority string `json:"authority,omitempty" doc:"The hash of the key of the cluster's authority, as in joining tokens."`
	// Addresses are those at which agents and users can reach this API, as host:port.
	Addresses []string `json:"addresses" nullable:"false" doc:"Where agents can join, as host:port."`
}

// Principal is who asks.
type Principal struct {
	Name   string `json:"name"`
	Role   string `json:"role" enum:"viewer,operator,admin"`
	Source string `json:"source,omitempty" doc:"The address from which the user asks."`
}

// Session is a session of a browser. Its secret is in a cookie.
type Session struct {
	Name    string    `json:"name" doc:"The user."`
	Role    string    `json:"role" enum:"viewer,operator,admin"`
	Expires time.Time `json:"expires"`
}

// Token is a token that lets an agent join or a user log in, or an API token.
type Token struct {
	ID string `json:"id"`
	// For is who gets a certificate for the token, or acts with an API token:
	// "agent/sensor-1", "user/ann".
	For     string    `json:"for" example:"agent/sensor-1"`
	Kind    string    `json:"kind" enum:"join,login,api"`
	Name    string    `json:"name,omitempty" doc:"The name of an API token."`
	By      string    `json:"by,omitempty" doc:"Who made it."`
	Created time.Time `json:"created,omitzero"`
	Expires time.Time `json:"expires,omitzero" doc:"Absent if it does not expire."`
	Uses    int       `json:"uses,omitempty" doc:"How often it still works. Absent for API tokens."`
	LastUse time.Time `json:"last_use,omitzero" doc:"Absent if it was not used."`
	// Text is the token itself. Only the answer that makes a token has it.
	Text string `json:"text,omitempty" doc:"The token itself. It is shown once, when it is made."`
	// Instead says what a user without a token shows.
	Instead string `json:"instead,omitempty" doc:"If the controller signs no certificates: what the user shows instead of a token, for a person."`
}

// The kinds of tokens.
const (
	JoinToken  = "join"
	LoginToken = "login"
	APIToken   = "api"
)

// Joined is what an agent gets that joins.
type Joined struct {
	// BrokerPort is where the agent dials the controller. Zero means the usual port.
	BrokerPort  uint16 `json:"broker_port,omitempty" doc:"The port at which the agent connects to the controller. Absent: 2150."`
	Cluster     string `json:"cluster"`
	Instance    string `json:"instance"`
	Certificate string `json:"certificate" doc:"The agent's certificate in PEM form."`
	Authorities string `json:"authorities" doc:"The authorities to trust, in PEM form."`
	// NodeCertificate and NodeAuthorities are for the agent's nodes.
	NodeCertificate string    `json:"node_certificate,omitempty"`
	NodeAuthorities string    `json:"node_authorities,omitempty"`
	Expires         time.Time `json:"expires"`
	// Controllers are empty if the cluster has one controller.
	Controllers []string `json:"controllers,omitempty" doc:"Where the controllers of the cluster accept agents, as host:port, if there are several."`
}

// Certificate is a certificate that was signed now.
type Certificate struct {
	Cluster     string `json:"cluster"`
	Identity    string `json:"identity" example:"user/ann"`
	Serial      string `json:"serial,omitempty"`
	Certificate string `json:"certificate" doc:"The certificate in PEM form."`
	Authorities string `json:"authorities" doc:"The authorities to trust, in PEM form."`
	// NodeCertificate and NodeAuthorities are for the nodes of an agent that renews.
	NodeCertificate string    `json:"node_certificate,omitempty"`
	NodeAuthorities string    `json:"node_authorities,omitempty"`
	Expires         time.Time `json:"expires"`
}

// IssuedCertificate is a certificate that was signed some time.
type IssuedCertificate struct {
	Serial   string    `json:"serial"`
	Identity string    `json:"identity" example:"agent/sensor-1"`
	Issued   time.Time `json:"issued"`
	Expires  time.Time `json:"expires"`
	Revoked  time.Time `json:"revoked,omitzero" doc:"When it was revoked. Absent if it was not."`
	// Authority is the KeyHash of the authority that signed it.
	Authority string `json:"authority"`
}

// Authority is an authority that is trusted.
type Authority struct {
	KeyHash     string    `json:"key_hash"`
	Fingerprint string    `json:"fingerprint"`
	Certificate string    `json:"certificate" doc:"The certificate of the authority in PEM form, for clients that check the controller's."`
	Created     time.Time `json:"created"`
	Expires     time.Time `json:"expires"`
	Signing     bool      `json:"signing" doc:"Whether it signs new certificates."`
	// Awaited is empty for the authority that signs now.
	Awaited []string  `json:"awaited,omitempty" nullable:"false" doc:"The identities for which an old authority is kept: they have no certificate of the new one yet, or have not shown it."`
	Renewed []string  `json:"renewed,omitempty" nullable:"false" doc:"Those of awaited that have a certificate of the new authority, and have not shown it yet."`
	Until   time.Time `json:"until,omitzero" doc:"When nobody is awaited any more, at the latest. Absent for the authority that signs now."`
}

// User is a user.
type User struct {
	Name    string    `json:"name"`
	Role    string    `json:"role" enum:"viewer,operator,admin"`
	Created time.Time `json:"created,omitzero"`
	SSO     bool      `json:"sso,omitempty" doc:"Whether a provider of identities vouches for the user."`
	LastUse time.Time `json:"last_use,omitzero" doc:"Absent if the user never asked for anything."`
}

// AuditRecord is a line of the audit.
type AuditRecord struct {
	Seq       uint64    `json:"seq"`
	Time      time.Time `json:"time"`
	Who       string    `json:"who"`
	Role      string    `json:"role" enum:"nobody,viewer,operator,admin"`
	Source    string    `json:"source,omitempty" doc:"The address of the asker."`
	Request   string    `json:"request" example:"deploy"`
	Subject   string    `json:"subject,omitempty" doc:"What the request names."`
	Operation uint64    `json:"operation,omitempty" doc:"The operation that began, or has ended as the outcome says."`
	Outcome   string    `json:"outcome" enum:"begun,done,refused,failed,interrupted"`
	Reason    string    `json:"reason,omitempty" doc:"Why it was refused, has failed, or was interrupted."`
	Revision  string    `json:"revision,omitempty" doc:"The ID of the configuration that it made."`
	Times     int       `json:"times,omitempty" doc:"How often the same was refused. Absent for once."`
}

// Instance is a host with an agent, as the controller last knew it.
type Instance struct {
	Name     string    `json:"name"`
	Standing string    `json:"standing" enum:"ABSENT,INCOMPATIBLE,NEWCOMER,READY,STANDS_BY"`
	Address  string    `json:"address,omitempty" doc:"The address of its agent. Absent if the agent is absent."`
	Dialed   bool      `json:"dialed,omitempty" doc:"Whether the controller dials the agent."`
	Since    time.Time `json:"since,omitzero" doc:"When the agent connected or was lost."`
	Heard    time.Time `json:"heard,omitzero" doc:"When the agent last told the state of a node."`
	Nodes    int       `json:"nodes" doc:"How many nodes the controller knows there, without its agent and the controller."`
}

// Node is a node, as the controller last knew it.
type Node struct {
	Name        string    `json:"name"`
	Instance    string    `json:"instance"`
	State       string    `json:"state" enum:"PENDING,RUNNING,STOPPED,FAILED,CRASHED,UNKNOWN"`
	Role        string    `json:"role" doc:"Its role in the Zeek cluster, or its role in the management of the cluster."`
	PID         int64     `json:"pid,omitempty"`
	Port        int       `json:"port,omitempty"`
	MetricsPort int       `json:"metrics_port,omitempty"`
	Since       time.Time `json:"since,omitzero" doc:"When the node came into this state, or, if its agent has not told, when the controller first heard of it."`
	Version     string    `json:"version,omitempty" doc:"The version of its program, such as that of its Zeek. Absent if its agent did not tell."`
}

// Revision describes a configuration that is staged, is deployed, or was deployed.
type Revision struct {
	Revision  uint64    `json:"revision"`
	State     string    `json:"state" enum:"staged,deployed,past"`
	When      time.Time `json:"when"`
	Who       string    `json:"who"`
	Note      string    `json:"note,omitempty" doc:"What the user said about it."`
	Kind      string    `json:"kind,omitempty" enum:"deploy,rollback,revert" doc:"What has made it. Absent for a staged configuration."`
	From      uint64    `json:"from,omitempty" doc:"The revision that was deployed before it."`
	Of        uint64    `json:"of,omitempty" doc:"The revision whose configuration a rollback or a revert has deployed again."`
	Operation uint64    `json:"operation,omitempty" doc:"The operation that has deployed it."`
	Kept      bool      `json:"kept" doc:"Whether the controller still has the configuration."`
	ID        string    `json:"id"`
	Instances int       `json:"instances" doc:"How many instances it has."`
	Nodes     int       `json:"nodes" doc:"How many nodes it has."`
}

// The states of a Revision.
const (
	Staged   = "staged"
	Deployed = "deployed"
	Past     = "past"
)

// Configuration is a configuration that is staged, is deployed, or was deployed.
type Configuration struct {
	Revision  uint64    `json:"revision"`
	State     string    `json:"state" enum:"staged,deployed,past"`
	When      time.Time `json:"when"`
	Who       string    `json:"who"`
	Note      string    `json:"note,omitempty"`
	Kind      string    `json:"kind,omitempty" enum:"deploy,rollback,revert"`
	From      uint64    `json:"from,omitempty"`
	Of        uint64    `json:"of,omitempty"`
	Operation uint64    `json:"operation,omitempty"`
	Cluster
}

// ConfiguredHost is an instance in a configuration.
type ConfiguredHost struct {
	Name string `json:"name" maxLength:"300"`
	Host string `json:"host,omitempty" maxLength:"50" doc:"Its address. Absent if it is not known."`
	Port int    `json:"port,omitempty" minimum:"0" maximum:"65535" doc:"The port of its agent, if the controller connects to the agent."`
}

// ConfiguredNode is a node in a configuration.
type ConfiguredNode struct {
	Name        string            `json:"name" maxLength:"300"`
	Instance    string            `json:"instance" maxLength:"300"`
	Role        string            `json:"role" enum:"LOGGER,MANAGER,PROXY,WORKER,NONE" doc:"NONE is for nodes with a command."`
	Port        int               `json:"port,omitempty" minimum:"0" maximum:"65535"`
	MetricsPort int               `json:"metrics_port,omitempty" minimum:"0" maximum:"65535"`
	Scripts     []string          `json:"scripts,omitempty" nullable:"false"`
	Options     map[string]string `json:"options,omitempty"`
	Interface   string            `json:"interface,omitempty"`
	CPUAffinity *int64            `json:"cpu_affinity,omitempty"`
	Env         map[string]string `json:"env,omitempty"`
	Command     []string          `json:"command,omitempty" nullable:"false" doc:"A program, with its arguments, that the agent runs in place of Zeek."`
	Bundles     []NodeBundle      `json:"bundles,omitempty" nullable:"false" doc:"Directory trees that the node uses, in the order in which it looks for scripts."`
	RunOptions  map[string]string `json:"run_options,omitempty" doc:"Options of Zeek's configuration framework. They change without a restart."`
	Limits      *NodeLimits       `json:"limits,omitempty" doc:"What the node takes of its host at most. They change without a restart."`
	Backend     string            `json:"backend,omitempty" enum:"broker,zeromq" doc:"The protocol of the cluster, the same for all its Zeek nodes. Without it the agents choose."`
}

// NodeLimits bound what a node takes of its host. Zero leaves a limit to the host.
type NodeLimits struct {
	Memory    int64 `json:"memory,omitempty" minimum:"0" doc:"The memory of the node and of the programs that it starts, in bytes. Absent: the agent's zeek.memory_limit."`
	CPUWeight int   `json:"cpu_weight,omitempty" minimum:"0" maximum:"10000" doc:"Its share of the processors when they are all busy, from 1. Absent: 100, as everybody has."`
	Nice      int   `json:"nice,omitempty" minimum:"-20" maximum:"19" doc:"The scheduling priority: -20 is the highest."`
}

// NodeBundle is a bundle that a node uses.
type NodeBundle struct {
	Name string `json:"name" maxLength:"60"`
	Kind string `json:"kind" enum:"scripts,data" doc:"Other content of scripts restarts the node. Other content of data does not."`
	Hash string `json:"hash" maxLength:"71" example:"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" doc:"The name of its content."`
}

// Health says whether the controller is well.
type Health struct {
	Status string `json:"status" enum:"ok"`
}
