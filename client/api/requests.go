package api

import "time"

// The paths of the API.
const (
	PathRoot           = "/api/v1/"
	PathJoin           = "/api/v1/join"
	PathLogin          = "/api/v1/login"
	PathRenew          = "/api/v1/renew"
	PathSession        = "/api/v1/session"
	PathWhoAmI         = "/api/v1/whoami"
	PathTokens         = "/api/v1/tokens"
	PathOwnTokens      = "/api/v1/whoami/tokens"
	PathUsers          = "/api/v1/users"
	PathCertificates   = "/api/v1/certificates"
	PathAuthorities    = "/api/v1/authorities"
	PathAudit          = "/api/v1/audit"
	PathInstances      = "/api/v1/instances"
	PathNodes          = "/api/v1/nodes"
	PathConfigurations = "/api/v1/configurations"
	PathCrashes        = "/api/v1/crashes"
	PathHosts          = "/api/v1/hosts"
	PathPlans          = "/api/v1/plans"
	PathDeployments    = "/api/v1/deployments"
	PathRevisions      = "/api/v1/revisions"
	PathOperations     = "/api/v1/operations"
	PathDispatches     = "/api/v1/dispatches"
	PathStatus         = "/api/v1/status"
	PathEvents         = "/api/v1/events"
	PathEventStream    = "/api/v1/events/stream"
	PathSamples        = "/api/v1/samples"
	PathSampleHistory  = "/api/v1/samples/history"
	PathAlerts         = "/api/v1/alerts"
	PathAcknowledge    = "/api/v1/alerts/acknowledge"
	PathAlertReceivers = "/api/v1/alerts/receivers"
	PathSilences       = "/api/v1/silences"
	PathBundles        = "/api/v1/bundles"
	PathBundleUploads  = "/api/v1/bundles/uploads"
	PathBundlePrune    = "/api/v1/bundles/prune"
	PathSSO            = "/api/v1/sso/"
	// PathControllers lists the controllers of the cluster, and lets one join.
	PathControllers = "/api/v1/controllers"
	PathBackup      = "/api/v1/backup"
	PathPulse       = "/api/v1/pulse"
	PathHealth      = "/healthz"
	PathReady       = "/readyz"
	PathLive        = "/livez"
	PathMetrics     = "/metrics"
	// PathServiceDiscovery lists what Prometheus can scrape.
	PathServiceDiscovery = "/sd"
	// PathOpenAPI is the path of the API's description, without ".json" or ".yaml".
	PathOpenAPI = "/api/v1/openapi"
)

// DefaultPort is the port of the API.
const DefaultPort = 2149

// ContentNDJSON is the media type of JSON lines.
const ContentNDJSON = "application/x-ndjson"

// JoinRequest asks for the certificates of an agent.
type JoinRequest struct {
	Token string `json:"token" maxLength:"200" doc:"The joining token."`
	Key   string `json:"key" maxLength:"16384" doc:"A signing request in PEM form, with the agent's key."`
	// NodeKey is the same for the agent's nodes.
	NodeKey string `json:"node_key,omitempty" maxLength:"16384" doc:"A signing request in PEM form, with the key of the agent's nodes."`
	// Instance is the name that the agent expects.
	Instance string `json:"instance,omitempty" maxLength:"200" doc:"The name that the agent has in its own settings. A token for another name is refused, and stays unused."`
	Replace  bool   `json:"replace,omitempty" doc:"Take the name from an agent that has joined with it. Its certificates are revoked."`
	// Clock is the asker's time. Client.Join sets it.
	Clock time.Time `json:"clock,omitzero" doc:"The asker's time, so that a wrong clock can be named."`
}

// LoginRequest asks for the certificate of a user.
type LoginRequest struct {
	Token string `json:"token" maxLength:"200" doc:"The login token."`
	Key   string `json:"key" maxLength:"16384" doc:"A signing request in PEM form, with the user's key."`
	// Clock is the asker's time. Client.Login sets it.
	Clock time.Time `json:"clock,omitzero" doc:"The asker's time, so that a wrong clock can be named."`
}

// RenewRequest asks for a new certificate of the identity whose certificate the asker
// shows on this connection.
type RenewRequest struct {
	Key     string `json:"key" maxLength:"16384" doc:"A signing request in PEM form, with the new key."`
	NodeKey string `json:"node_key,omitempty" maxLength:"16384" doc:"The same for the nodes of an agent."`
}

// SessionRequest begins a session of a browser.
type SessionRequest struct {
	Token string    `json:"token" maxLength:"200" doc:"The login token."`
	Clock time.Time `json:"clock,omitzero" doc:"The asker's time, so that a wrong clock can be named."`
}

// TokenRequest asks for a joining token of an instance, or for an API token of a user.
type TokenRequest struct {
	Instance   string `json:"instance,omitempty" maxLength:"200" doc:"The instance that may join. Give this, controller or user."`
	Controller string `json:"controller,omitempty" maxLength:"200" doc:"The controller that may join."`
	User       string `json:"user,omitempty" maxLength:"200" doc:"The user of an API token."`
	Name       string `json:"name,omitempty" maxLength:"200" doc:"The name of an API token."`
	TTL        int64  `json:"ttl_seconds,omitempty" minimum:"0" maximum:"3155760000" doc:"How long the token works. Absent: an hour for joining, and for ever for an API token."`
	Uses       int    `json:"uses,omitempty" minimum:"0" maximum:"100000" doc:"How many agents may join with it. Absent: one."`
}

// OwnTokenRequest asks for an API token of the user who asks.
type OwnTokenRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"200" doc:"The name by which people know the token."`
	TTL  int64  `json:"ttl_seconds,omitempty" minimum:"0" maximum:"3155760000" doc:"How long the token works. Absent: for ever."`
}

// UserRequest adds a user, or gives a known user another login.
type UserRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"200"`
	Role string `json:"role" enum:"viewer,operator,admin"`
	TTL  int64  `json:"ttl_seconds,omitempty" minimum:"0" maximum:"3155760000" doc:"How long the login token works. Absent: an hour."`
}

// RoleRequest changes the role of a user.
type RoleRequest struct {
	Role string `json:"role" enum:"viewer,operator,admin"`
}

// SignRequest asks for a certificate.
type SignRequest struct {
	Identity string   `json:"identity" maxLength:"300" example:"agent/sensor-1"`
	Key      string   `json:"key" maxLength:"16384" doc:"A signing request in PEM form."`
	Hosts    []string `json:"hosts,omitempty" nullable:"false" maxItems:"100" doc:"The DNS names and IP addresses in the certificate."`
	Life     int64    `json:"life_seconds,omitempty" minimum:"0" maximum:"3155760000" doc:"Absent: the life of its kind."`
	Replace  bool     `json:"replace,omitempty" doc:"Revoke the certificates that the identity has."`
}

// RevokeRequest ends a certificate, or all certificates of an identity.
type RevokeRequest struct {
	Serial   string `json:"serial,omitempty" maxLength:"64" doc:"Give this or identity."`
	Identity string `json:"identity,omitempty" maxLength:"300" example:"agent/sensor-1"`
}

// AuditQuery says which part of the audit to return. Its zero value means the oldest
// records that are kept.
type AuditQuery struct {
	Since time.Time
	User  string
	// After is the Seq of the last record that the asker has.
	After uint64
	// Limit bounds the records of one answer. Zero leaves it to the controller.
	Limit int
	// Latest says which records to return if there are more than Limit: the latest ones.
	Latest bool
	// Wait is how long the controller waits for a record if there is none.
	Wait time.Duration
}
