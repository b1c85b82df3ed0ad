package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// look asks a controller over HTTP what it runs.
func look(ctx context.Context, address string) error {
	c, err := api.New(api.Config{Address: address})
	if err != nil {
		return err
	}
	defer c.Close()
	nodes, err := c.Nodes(ctx)
	if other, ok := errors.AsType[*api.NoAPIError](err); ok && other.Zeek {
		return errors.New("this needs zeekfleet's controller")
	}
	if err != nil {
		return err
	}
	for _, n := range nodes {
		fmt.Println(n.Instance, n.Name, n.State)
	}
	return change(ctx, c)
}

// change restarts the workers one after the other, and shows what is deployed.
func change(ctx context.Context, c *api.Client) error {
	before, err := c.Revisions(ctx, api.RevisionQuery{Limit: 1})
	if err != nil || len(before) == 0 {
		return err
	}
	if _, err := c.Deploy(ctx, api.DeployRequest{Configuration: &api.Cluster{}, Seen: &before[0].Revision}); err != nil {
		return err
	}
	begun, err := c.Operate(ctx, api.OperateRequest{Kind: api.KindRestart, Selectors: []string{"@workers"}, Rolling: true})
	if err != nil {
		return err
	}
	for o, err := range c.Follow(ctx, begun.ID) {
		if err != nil {
			return err
		}
		for _, step := range o.Steps {
			fmt.Println(step.Node, doing[step.Action], reached[step.State])
		}
		fmt.Println(results[o.State])
	}
	_, err = c.Dispatch(ctx, api.DispatchRequest{Action: "get_stats"})
	return err
}

var (
	doing = map[string]string{
		api.ActionNone: "stays", api.ActionStart: "starts", api.ActionStop: "stops", api.ActionRestart: "restarts",
		api.ActionPause: "pauses", api.ActionResume: "resumes", api.ActionOptions: "is told", api.ActionLimits: "is limited",
	}
	reached = map[string]string{
		api.StepWaiting: "later", api.StepRunning: "now", api.StepDone: "and has", api.StepFailed: "in vain", api.StepSkipped: "not",
	}
	results = map[string]string{
		api.OperationRunning: "goes on", api.OperationDone: "done", api.OperationFailed: "failed", api.OperationInterrupted: "unfinished",
	}
	optionsDo  = map[string]string{api.OptionSet: "is set", api.OptionChanged: "is changed", api.OptionUnset: "is unset"}
	filesMost  = api.MaxPlannedFiles
	operations = []string{
		api.EventNode, api.EventInstance, api.EventOperation, api.EventStep, api.EventRevision, api.EventAlert, api.EventController, api.EventLost,
		api.AlertPending, api.AlertFiring, api.AlertResolved, api.AlertCritical, api.AlertWarning,
		api.KindDeploy, api.KindRollback, api.KindRevert, api.KindStart, api.KindStop, api.KindRestart, api.KindPause, api.KindResume,
	}
)

// enter returns a client for each way of knowing a controller.
func enter(ctx context.Context, address, token, cluster string, shown tls.Certificate) ([]*api.Client, error) {
	address, err := api.JoinPort(address)
	if err != nil {
		return nil, err
	}
	if _, err := api.HostPort(address, api.DefaultPort); err != nil || api.IsLoopback(address) {
		return nil, err
	}
	newcomer, err := api.JoinClient(address, token)
	if err != nil {
		return nil, err
	}
	authority, err := api.ShownAuthority(ctx, address)
	if err != nil {
		return nil, err
	}
	knows := authority.Equal
	visitor, err := api.AuthorityClient(address, knows)
	if err != nil {
		return nil, err
	}
	trust := api.Trust{Cluster: cluster, Authorities: []*x509.Certificate{authority}}
	user, err := api.New(api.Config{Address: address, TLS: trust.TLS(address, func() (*tls.Certificate, error) { return &shown, nil })})
	if err != nil {
		return nil, err
	}
	machine, err := api.New(api.Config{Address: address, TLS: api.AuthorityTLS(address, knows), Bearer: token})
	return []*api.Client{newcomer, visitor, user, machine}, err
}

// administer lets a user in.
func administer(ctx context.Context, a api.Access) (string, error) {
	token, err := a.AddUser(ctx, api.UserRequest{Name: "ann", Role: "viewer", TTL: 3600})
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Status == http.StatusForbidden {
		return "", fmt.Errorf("ask an admin: %w", p)
	}
	return kinds[token.Kind] + token.Text, err
}

var (
	kinds    = map[string]string{api.JoinToken: "joins with ", api.LoginToken: "logs in with ", api.APIToken: "shows "}
	standing = map[string]string{api.Staged: "waiting", api.Deployed: "in force", api.Past: "over"}
)

// documents are examples of what the API takes and returns.
var documents = []any{
	api.AuditQuery{Since: time.Time{}, Limit: 10}, api.AuditRecord{}, api.Authority{}, api.Certificate{},
	api.Configuration{Cluster: api.Cluster{Hosts: []api.ConfiguredHost{{Name: "host-1"}}, Nodes: []api.ConfiguredNode{{Name: "worker-1", Limits: &api.NodeLimits{Memory: 1 << 30}, Bundles: []api.NodeBundle{{Name: "site"}}}}}},
	api.Crash{}, api.Health{}, api.Instance{}, api.IssuedCertificate{}, api.JoinRequest{}, api.Joined{},
	api.LoginRequest{}, api.Node{}, api.Page[api.Node]{}, api.Principal{}, api.RenewRequest{}, api.Revision{},
	api.RevokeRequest{}, api.RoleRequest{}, api.Root{}, api.SSO{}, api.SSOLoginRequest{}, api.Session{},
	api.SessionRequest{}, api.SignRequest{}, api.Token{}, api.TokenRequest{}, api.User{},
	api.PreflightRequest{}, api.OwnTokenRequest{}, api.PlanRequest{Options: []api.OptionChange{}}, api.Plan{Nodes: []api.PlannedNode{}, Doubts: []api.Finding{}, Bundles: []api.PlannedBundle{}, Options: []api.PlannedOption{}, Fetching: []api.PlannedFetch{}}, api.Operation{Steps: []api.OperationStep{}, Counts: api.StepCount{}},
	api.Event{}, api.EventPage{}, api.EventQuery{}, &api.StreamEndedError{},
	api.Bundles{}, api.Bundle{Pushes: []api.BundlePush{}}, api.BundleContent{List: []api.BundleFile{}}, api.UploadRequest{}, api.Upload{}, api.PruneRequest{}, api.Pruned{},
	api.HeaderUploadOffset, api.MaxUploadPart, api.MaxBundleRevisions,
	api.Alert{}, api.Alerting{}, api.AlertMark{}, api.AlertQuery{}, api.AlertReceiver{}, api.AcknowledgeRequest{}, api.Silence{}, api.SilenceRequest{},
	api.Controllers{Members: []api.ControllerMember{}}, api.Controlling{}, api.ControllerJoin{}, api.ControllerJoined{Initial: []api.StoreMember{}}, api.Pulse{}, api.AnyController, api.NoLeaderHeader, &api.SeveralError{}, &api.SilentError{}, api.MaxAddresses,
	api.ControllerLeads, api.ControllerFollows, api.ControllerLearns, api.ControllerAway,
	api.ExecRequest{}, api.ExecResult{}, api.HostSettings{},
	api.OperationQuery{}, api.DispatchResult{}, api.Dispatched{},
	api.Status{Instances: api.InstanceCount{}, Nodes: api.NodeCount{}, Wrong: []api.StatusDetail{}, Crashed: []api.StatusCrash{}, Stopped: []api.StatusMark{}, Versions: []api.HostVersions{}},
}

// told are examples of what agents tell.
var told = []any{
	api.Crashes{Items: []api.Crash{}, Missing: []api.Missing{}}, api.CrashRecord{}, api.LogsQuery{Lines: 10}, api.TrailerError,
	api.ScrapeTargets{}, api.Host{Memory: api.Memory{}, Disks: []api.Disk{}, Running: []api.NodeVersion{}}, api.NodeDiag{History: []api.StateChange{}},
	api.Machines{}, api.Hardware{Processors: []api.Processor{}, Interfaces: []api.NIC{}}, api.PlannedTemplate{Groups: []api.PlannedWorkers{}},
}

// paths are those that a proxy lets through, with the media types and the sizes of answers.
var (
	paths = []string{
		api.PathRoot, api.PathJoin, api.PathLogin, api.PathRenew, api.PathSession, api.PathWhoAmI, api.PathTokens, api.PathOwnTokens, api.PathUsers,
		api.PathCertificates, api.PathAuthorities, api.PathAudit, api.PathInstances, api.PathNodes, api.PathConfigurations,
		api.PathCrashes, api.PathHosts, api.PathSSO, api.PathSSOInfo, api.PathSSOLogin, api.PathSSOStart, api.PathSSOCallback,
		api.PathPlans, api.PathDeployments, api.PathRevisions, api.PathOperations, api.PathDispatches, api.PathStatus, api.PathEvents, api.PathEventStream, api.PathAlerts, api.PathAcknowledge, api.PathAlertReceivers, api.PathSilences, api.PathBundles, api.PathBundleUploads, api.PathBundlePrune, api.ContentEventStream, api.PathControllers, api.PathBackup, api.PathPulse, api.PathHealth, api.PathLive, api.PathReady, api.PathMetrics, api.PathServiceDiscovery, api.PathOpenAPI,
	}
	media = []string{"application/json", api.ContentNDJSON}
	most  = max(api.MaxAnswer, api.MaxItems)
)
