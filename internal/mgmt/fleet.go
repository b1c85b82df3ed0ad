package mgmt

import "time"

// The events of module Fleet are ours. Upstream's parts neither send them nor are
// sent them: they go only to peers that are known to understand them
// (docs/decisions/0005, 0012).
type (
	// StagedDeployRequest is DeployRequest with conditions, of a client that waits
	// for the answer as for that to a DeployRequest.
	StagedDeployRequest struct {
		ReqID ReqID
		// ID is that of the configuration which the client means; if another is
		// staged, nothing is deployed. Empty means whichever is staged.
		ID string
		// Partial deploys to the instances that are connected; the others get
		// their share when they come.
		Partial bool
		// Patience is how long the client waits for the answer. Zero means as long
		// as zeek-client does.
		Patience time.Duration
	}
	// DeployProgress tells the client of a StagedDeployRequest what it waits for.
	DeployProgress struct {
		ReqID ReqID
		Text  string
	}

	// AgentPrepareRequest asks an agent whether it could deploy a configuration,
	// without saving, starting or stopping anything.
	AgentPrepareRequest struct {
		ReqID  ReqID
		Config Configuration
		// Look is how long the answer may take. Whole is how long it may take, from
		// now on, until the deployment that follows is answered.
		Look, Whole time.Duration
	}
	// AgentPrepareResponse carries one success of the whole, or what keeps the
	// configuration from running: a failure of the whole, and those of nodes with
	// NodeOutputs.
	AgentPrepareResponse struct {
		ReqID   ReqID
		Results []Result
	}
)

// StagedDeploy is what a controller says of itself to clients if it understands
// StagedDeployRequest (bus.WebSocketConfig.Announce).
const StagedDeploy = "staged-deploy"

// PreflightFailed is what an agent's failure of the whole begins with if it left
// everything as it was because of what its preflight has found.
const PreflightFailed = "preflight failed, nothing was changed"

func (StagedDeployRequest) isMessage()  {}
func (DeployProgress) isMessage()       {}
func (AgentPrepareRequest) isMessage()  {}
func (AgentPrepareResponse) isMessage() {}
