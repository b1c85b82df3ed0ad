package mgmt

import "time"

// The modules Fleet::… are zeekfleet's own. Upstream's programs neither send nor
// receive their events. zeekfleet sends such an event only to a peer that has
// announced that it understands the event (docs/decisions/0005, 0012).

// StagedDeployRequest is a DeployRequest with conditions. A DeployResponse answers
// it.
type StagedDeployRequest struct {
	ReqID ReqID
	// ID is the ID of the configuration to deploy. If another configuration is
	// staged, the controller deploys nothing. Empty means any configuration.
	ID string
	// Partial deploys to the instances that are connected. The controller deploys
	// to the others when they connect.
	Partial bool
	// Patience is how long the client waits for the answer. Zero means that the
	// client waits as long as zeek-client does.
	Patience time.Duration
}

func (StagedDeployRequest) isMessage()         {}
func (r StagedDeployRequest) RequestID() ReqID { return r.ReqID }
func (StagedDeployRequest) Answer(id ReqID, results ...Result) Response {
	return DeployResponse{ReqID: id, Results: results}
}

// The words that a controller announces to clients (bus.WebSocketConfig.Announce).
// Each word says that the controller understands a request.
const (
	StagedDeploy = "staged-deploy" // StagedDeployRequest
	History      = "history"       // GetHistoryRequest

	// ControllerWords has all words that a controller of this version announces.
	ControllerWords = StagedDeploy + " " + History
)

// DeployProgress tells the client of a StagedDeployRequest what the deployment
// waits for.
type DeployProgress struct {
	ReqID ReqID
	Text  string
}

func (DeployProgress) isMessage() {}

// GetHistoryRequest asks which configurations were deployed.
type GetHistoryRequest struct{ ReqID ReqID }

// GetHistoryResponse carries the JSON text of a list of DeployedRevision, newest
// first, as Text. The text is JSON so that fields can be added.
type GetHistoryResponse struct {
	ReqID  ReqID
	Result Result
}

// DeployedRevision describes a configuration that is deployed, or was deployed
// before.
type DeployedRevision struct {
	Revision  uint64    `json:"revision"`
	When      time.Time `json:"when"` // in UTC
	Who       string    `json:"who"`  // the name of the Principal who deployed it
	ID        string    `json:"id"`   // of the configuration
	Instances int       `json:"instances"`
	Nodes     int       `json:"nodes"`
	// The rest is as in Origin and PastConfig. Controllers that are older than this do not
	// send it.
	Note      string        `json:"note,omitempty"`
	Kind      OperationKind `json:"kind,omitempty"`
	From      uint64        `json:"from,omitempty"`
	Of        uint64        `json:"of,omitempty"`
	Operation OperationID   `json:"operation,omitempty"`
	Kept      bool          `json:"kept,omitempty"`
}

func (GetHistoryRequest) isMessage()         {}
func (r GetHistoryRequest) RequestID() ReqID { return r.ReqID }
func (GetHistoryRequest) Answer(id ReqID, results ...Result) Response {
	return GetHistoryResponse{ReqID: id, Result: results[0]}
}

func (GetHistoryResponse) isMessage()           {}
func (r GetHistoryResponse) RequestID() ReqID   { return r.ReqID }
func (r GetHistoryResponse) Outcomes() []Result { return []Result{r.Result} }

// AgentPrepareRequest asks an agent for a preflight: whether it could deploy a
// configuration. The agent saves, starts and stops nothing.
type AgentPrepareRequest struct {
	ReqID  ReqID
	Config Configuration
	// Preflight is how long the agent may take to answer this request. Zero means that
	// the configuration needs no preflight. Whole is how long it may take from this
	// request to its answer to the deployment that follows.
	Preflight, Whole time.Duration
}

// AgentPrepareResponse carries one success without a node if the configuration can
// be deployed. The success carries the JSON text of an InstancePlan as Text, unless the
// agent is older than plans. Otherwise it carries one failure without a node, and one failure
// with NodeOutputs for each node that cannot run.
type AgentPrepareResponse struct {
	ReqID   ReqID
	Results []Result
}

func (AgentPrepareRequest) isMessage()         {}
func (r AgentPrepareRequest) RequestID() ReqID { return r.ReqID }
func (AgentPrepareRequest) Answer(id ReqID, results ...Result) Response {
	return AgentPrepareResponse{ReqID: id, Results: results}
}

func (AgentPrepareResponse) isMessage()           {}
func (r AgentPrepareResponse) RequestID() ReqID   { return r.ReqID }
func (r AgentPrepareResponse) Outcomes() []Result { return r.Results }

// NotifyFetching tells the controller that has made a request with a Configuration that the
// agent fetches the content of bundles first. While it does, the request's time does not
// run. The agent sends it at most once a second.
type NotifyFetching struct {
	ReqID    ReqID
	Instance InstanceName
	// Bundle is the bundle that is on its way. Done and Total count bytes, of all bundles
	// that the agent fetches.
	Bundle      string
	Done, Total int64
}

func (NotifyFetching) isMessage() {}

// FetchFailed begins the error of an agent that could not fetch the content of a bundle.
// The agent has changed nothing, and its result names no node.
const FetchFailed = "bundles could not be fetched, nothing was changed"

// PreflightFailed begins the error of an agent whose preflight failed. The agent
// has changed nothing, and its result names no node.
const PreflightFailed = "preflight failed, nothing was changed"

// NotifyDispatches tells a node's agent which dispatches the node can answer. Our
// node script sends it after NotifyNodeHello.
type NotifyDispatches struct {
	Node       NodeName
	Dispatches []string
}

func (NotifyDispatches) isMessage() {}

// ProvenRequest takes the place of NodeDispatchRequest between our agent and our
// node script, which share a Secret. The agent sends it to one node. Each request to
// a node has a greater Number than the request before.
//
// It does not implement Request: the agent's shell makes it from a
// NodeDispatchRequest.
type ProvenRequest struct {
	Node   NodeName
	Number uint64
	ReqID  ReqID
	Action []string
	Proof  string
}

func (ProvenRequest) isMessage() {}

// ProvenResponse takes the place of NodeDispatchResponse. Text is the data of a
// success, or the error of a failure. Empty means that there is no data.
type ProvenResponse struct {
	Node    NodeName
	ReqID   ReqID
	Success bool
	Text    string
	Proof   string
}

func (ProvenResponse) isMessage() {}

// NotifyNumber tells the agent the Number of the last ProvenRequest that the node
// took. The node sends it before NotifyNodeHello.
type NotifyNumber struct {
	Node   NodeName
	Number uint64
	Proof  string
}

func (NotifyNumber) isMessage() {}

// The messages below renew the certificate of an agent that has joined the cluster. They
// travel on topics of their own. The shells of agent and controller handle them, and no
// core does: they implement neither Request nor Response.

// RenewCertificateRequest asks the controller for a new certificate. Whose certificate it
// is, the controller takes from the one that the agent shows on the connection.
type RenewCertificateRequest struct {
	ReqID ReqID
	// Key is a signing request in PEM form, with the agent's new key. NodeKey is the same
	// for the agent's nodes. If it is empty, their certificate stays as it is.
	Key, NodeKey string
}

// RenewCertificateResponse carries the JSON text of a RenewedCertificate as Text. The
// text is JSON so that fields can be added.
type RenewCertificateResponse struct {
	ReqID  ReqID
	Result Result
}

// RenewedCertificate has texts in PEM form. Those of nodes are empty if the request had
// no NodeKey.
type RenewedCertificate struct {
	Certificate     string `json:"certificate"`
	Authorities     string `json:"authorities"`
	NodeCertificate string `json:"node_certificate,omitempty"`
	NodeAuthorities string `json:"node_authorities,omitempty"`
}

// AuthoritiesChanged tells an agent which authorities count, in PEM form. The agent
// trusts these from now on. If one of them is new to the agent, the agent asks for a new
// certificate at once. NodeAuthorities may be empty; then those of nodes stay as they are.
//
// Revoked are the serial numbers of the certificates of controllers that were revoked and
// that have not expired. They replace those that the agent knew. A controller that is
// older than this field sends none.
type AuthoritiesChanged struct {
	Authorities, NodeAuthorities string
	Revoked                      []string
}

// MaxRevoked bounds AuthoritiesChanged.Revoked.
const MaxRevoked = 1000

func (RenewCertificateRequest) isMessage()  {}
func (RenewCertificateResponse) isMessage() {}
func (AuthoritiesChanged) isMessage()       {}
