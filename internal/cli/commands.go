package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Commands runs client commands. Each exported method is one command: it
// connects, sends the request, waits for the answer, prints it, and returns the
// exit status. Results go to Stdout, all other messages to Log.
type Commands struct {
	Settings Settings
	Log      *Log
	Stdin    io.Reader
	Stdout   io.Writer
	// Output says how results are printed. Its Out and its Compact have no effect: Stdout
	// and Settings.PrettyJSON stand for them.
	Output show.Settings
	// Hostname is the name of the local host; empty if it is unknown.
	Hostname string
	// AppName is the name of this program and its version. The client sends it to
	// the controller.
	AppName string
	// AsZeekClient reads cluster files as zeek-client reads them, and prints its messages.
	AsZeekClient bool
	// AskPassphrase asks a person for the passphrase of the private key that the settings
	// name. Nil means that there is nobody to ask.
	AskPassphrase func(ctx context.Context) (string, error)
	// Partial deploys to the instances that are connected, even if others are not.
	Partial bool

	// own are the credentials of the context that was used.
	own *Credentials
	// listens keeps the events that arrive from the connection on.
	listens bool
	// authorityReplaced says that the command has replaced the authority of the cluster.
	authorityReplaced bool
	// answered is the address of the controller that has answered last, and told what it has
	// told of the controllers, if it was asked.
	answered string
	told     *api.Controllers
}

// StageConfig uploads the cluster configuration in the file at path. The path
// "-" is standard input.
func (c *Commands) StageConfig(ctx context.Context, path string) int {
	return c.withConfig(ctx, path, func(config client.Configuration) int {
		return c.connected(ctx, func(ctl *client.Client) int {
			o, _ := c.stage(ctx, ctl, config)
			return c.finish(o)
		})
	})
}

// DeployConfig uploads a cluster configuration like StageConfig. If that
// succeeds, it deploys the configuration.
func (c *Commands) DeployConfig(ctx context.Context, path string) int {
	return c.withConfig(ctx, path, func(config client.Configuration) int {
		return c.connected(ctx, func(ctl *client.Client) int {
			o, id := c.stage(ctx, ctl, config)
			if o.Status != StatusDone {
				return c.finish(o)
			}
			return c.deploy(ctx, ctl, id)
		})
	})
}

// Deploy deploys the staged configuration.
func (c *Commands) Deploy(ctx context.Context) int {
	return c.connected(ctx, func(ctl *client.Client) int { return c.deploy(ctx, ctl, "") })
}

// stage stages config. It returns the ID under which the controller staged it.
func (c *Commands) stage(ctx context.Context, ctl *client.Client, config client.Configuration) (o Outcome, id string) {
	results, err := ctl.Stage(ctx, config)
	id, _ = client.ConfigurationID(results)
	return answer(c, StageOutcome)(results, err), id
}

// deploy deploys the staged configuration with this ID. With an empty ID it
// deploys the staged configuration, whatever its ID is.
func (c *Commands) deploy(ctx context.Context, ctl *client.Client, id string) int {
	results, err := ctl.DeployStaged(ctx, client.Deployment{
		ID: id, Partial: c.Partial,
		OnProgress: func(text string) { c.Log.Notice("%s", text) },
	})
	o := answer(c, c.deployOutcome)(results, err)
	if err == nil && !c.Partial && lacksInstances(results) && !c.AsZeekClient {
		o.Warnings = append(o.Warnings, "--partial deploys to the instances that are connected; the others get their nodes when they connect")
	}
	if goesOn(ctx, err) {
		o.fail("the deployment goes on; get-nodes shows its progress")
	}
	return c.finish(o)
}

// lacksInstances reports whether the controller refused a deployment because
// instances are not connected.
func lacksInstances(results []client.Result) bool {
	_, deployed := client.ConfigurationID(results)
	absent := func(r client.Result) bool {
		return !r.Success && strings.HasPrefix(r.Error, "instance '"+string(r.Instance)+"' is not connected")
	}
	return !deployed && slices.ContainsFunc(results, absent)
}

// goesOn reports whether the controller goes on with the request although this
// command stops waiting for the answer: the user interrupted the command, or the
// answer took too long. err is the error of the request.
func goesOn(ctx context.Context, err error) bool {
	if late, ok := errors.AsType[*client.TimeoutError](err); ok {
		return late.Stage == ""
	}
	_, unreached := errors.AsType[*client.DialError](err)
	return err != nil && !unreached && ctx.Err() != nil
}

// ConfigRequest says which configuration GetConfig gets, and in which form and
// where GetConfig writes it.
type ConfigRequest struct {
	// Deployed asks for the deployed configuration, not the staged one.
	Deployed bool
	// AsJSON asks for JSON, not INI.
	AsJSON bool
	// Path is the file to write. An empty path and "-" are standard output.
	Path string
}

// GetConfig prints a configuration, or writes it to a file.
func (c *Commands) GetConfig(ctx context.Context, req ConfigRequest) int {
	if f := c.Output.Format; f == show.AsJSON || f == show.AsYAML {
		req.AsJSON = true // INI is neither
	}
	return c.connected(ctx, func(ctl *client.Client) int {
		outcome := func(r client.Result) Outcome {
			o := GetConfigOutcome(r, req.AsJSON)
			if config, ok := r.Data.(client.Configuration); ok && !req.AsJSON && !c.AsZeekClient {
				o.Warnings = append(o.Warnings, clusterfile.Lacks(fromClient(config), "--as-json")...)
			}
			return o
		}
		o := answer(c, outcome)(ctl.GetConfiguration(ctx, req.Deployed))
		if req.Path == "" || req.Path == "-" || o.Document == nil {
			return c.finish(o)
		}
		if err := os.WriteFile(req.Path, []byte(o.Render(c.Settings.PrettyJSON)), 0o666); err != nil {
			o.fail("write configuration: %v", err)
		}
		o.Document = nil
		return c.finish(o)
	})
}

// GetHistory prints which configurations were deployed, newest first.
func (c *Commands) GetHistory(ctx context.Context) int {
	return c.connected(ctx, func(ctl *client.Client) int {
		return c.finish(answer(c, getHistoryOutcome)(ctl.GetHistory(ctx)))
	})
}

func getHistoryOutcome(history []client.DeployedRevision) Outcome {
	list := []any{}
	for _, d := range history {
		list = append(list, document{
			"revision": int64(d.Revision), "when": d.When.Format(time.RFC3339), "who": d.Who,
			"id": d.ID, "instances": d.Instances, "nodes": d.Nodes,
		})
	}
	return Outcome{
		Document: wrapped(document{"deployed": list}, []any{}),
		Page:     func() show.Page { return historyPage(history) },
	}
}

// GetInstances prints the connected agents.
func (c *Commands) GetInstances(ctx context.Context) int {
	return c.connected(ctx, func(ctl *client.Client) int {
		return c.finish(answer(c, GetInstancesOutcome)(ctl.GetInstances(ctx)))
	})
}

// GetNodes prints the status of all processes.
func (c *Commands) GetNodes(ctx context.Context) int {
	return c.connected(ctx, func(ctl *client.Client) int {
		return c.finish(answer(c, GetNodesOutcome)(ctl.GetNodes(ctx)))
	})
}

// GetIDValue prints an identifier's value in the named nodes, or in all nodes if
// none is named.
func (c *Commands) GetIDValue(ctx context.Context, id string, nodes []string) int {
	return c.connected(ctx, func(ctl *client.Client) int {
		results, err := ctl.GetIDValue(ctx, id, nodeNames(nodes)...)
		o := answer(c, GetIDValueOutcome)(results, err)
		c.nearestNodes(ctx, ctl, results, &o)
		return c.finish(o)
	})
}

// Restart restarts the named nodes, or all nodes if none is named.
func (c *Commands) Restart(ctx context.Context, nodes []string) int {
	return c.connected(ctx, func(ctl *client.Client) int {
		results, err := ctl.Restart(ctx, nodeNames(nodes)...)
		o := answer(c, RestartOutcome)(results, err)
		if goesOn(ctx, err) {
			o.fail("the restart goes on; get-nodes shows its progress")
		}
		c.nearestNodes(ctx, ctl, results, &o)
		return c.finish(o)
	})
}

// nearestNodes adds a warning for each unknown node: the deployed node with the
// nearest name.
func (c *Commands) nearestNodes(ctx context.Context, ctl *client.Client, results []client.Result, o *Outcome) {
	var unknown, known []client.NodeName
	for _, r := range results {
		if !r.Success && r.Node != "" && r.Error == unknownNode {
			unknown = append(unknown, r.Node)
		}
	}
	if len(unknown) == 0 || c.AsZeekClient {
		return
	}
	deployed, err := ctl.GetConfiguration(ctx, true)
	config, ok := deployed.Data.(client.Configuration)
	if err != nil || !ok {
		return // the suggestion is an extra; the answer itself is complete
	}
	for _, n := range config.Nodes {
		known = append(known, n.Name)
	}
	for _, name := range unknown {
		if near := mgmt.Nearest(name, known); near != "" {
			o.Warnings = append(o.Warnings, "there is no node "+quote(string(name))+didYouMean(near))
		}
	}
}

// unknownNode is the error text of a controller for a node that is not deployed
// (spec management-api 6.14).
const unknownNode = "unknown cluster node"

// TestTimeout sends a request that the controller does not answer before its
// deadline.
func (c *Commands) TestTimeout(ctx context.Context, withState bool) int {
	return c.connected(ctx, func(ctl *client.Client) int {
		return c.finish(answer(c, TestTimeoutOutcome)(ctl.TestTimeout(ctx, withState)))
	})
}

func nodeNames(names []string) []client.NodeName {
	list := make([]client.NodeName, len(names))
	for i, name := range names {
		list[i] = client.NodeName(name)
	}
	return list
}

// answer wraps outcome for a call of the client: it returns the outcome of the
// answer, or a failure if the call returned an error.
func answer[A any](c *Commands, outcome func(A) Outcome) func(A, error) Outcome {
	return func(a A, err error) Outcome {
		if err != nil {
			var o Outcome
			o.fail("no response received: %s", c.noAnswer(err))
			return o
		}
		return outcome(a)
	}
}

// noAnswer returns the reason why a request has no answer. As zeek-client it has
// zeek-client's words (spec zeek-client 6.3).
func (c *Commands) noAnswer(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	if _, lost := errors.AsType[*client.ServerClosed](err); lost && c.AsZeekClient {
		return fmt.Sprintf("unexpected error with controller %s: %v", c.where(), err)
	}
	return err.Error()
}

// finish prints the warnings, the errors and the document of o, and returns its
// exit status.
func (c *Commands) finish(o Outcome) int {
	for _, text := range o.Warnings {
		c.Log.Warning("%s", text)
	}
	for _, text := range o.Errors {
		c.Log.Error("%s", text)
	}
	if err := c.print(o); err != nil {
		c.Log.Error("%v", err)
		return StatusFailed
	}
	return o.Status
}

// print prints the document of o: the page for a person, or the data.
func (c *Commands) print(o Outcome) error {
	out := c.output()
	switch d := o.Document.(type) {
	case nil:
		return nil
	case document:
		if o.Page != nil || out.Chosen() != show.AsTable {
			return show.PrintPage(out, d, o.Page)
		}
	}
	if _, err := io.WriteString(c.Stdout, o.Render(c.Settings.PrettyJSON)); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// output returns how results are printed. zeek-client prints JSON alone.
func (c *Commands) output() show.Settings {
	out := c.Output
	out.Out, out.Compact = c.Stdout, !c.Settings.PrettyJSON
	if c.AsZeekClient {
		out.Format = show.AsJSON
	}
	return out
}

// withConfig reads and checks the cluster configuration at path, and then calls
// then. A bad file fails the command before it connects.
func (c *Commands) withConfig(ctx context.Context, path string, then func(client.Configuration) int) int {
	cluster, err := clusterfile.Read(path, c.Stdin, clusterfile.Options{
		Hostname: c.Hostname, AsZeekClient: c.AsZeekClient, Hardware: Machines{Fleet{Commands: c}}.hardware(ctx),
	})
	for _, text := range slices.Concat(cluster.Warnings, cluster.Doubts) {
		c.Log.Warning("%s", text)
	}
	if err != nil {
		c.badCluster(err)
		return StatusFailed
	}
	return then(ForClient(cluster.Config))
}

// badCluster logs the mistake in a cluster configuration. Where zeek-client has a message
// about the mistake, it is that one, as zeek-client.
func (c *Commands) badCluster(err error) {
	mistake, ok := errors.AsType[*ini.Error](err)
	switch {
	case !c.AsZeekClient || ok && !mistake.ZeekClients:
		c.Log.Error("%v", err)
	case ok:
		c.Log.Error("%s", mistake.Text)
		c.Log.Error("configuration has errors, not sending")
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR):
		c.Log.Error("please provide a cluster configuration file.")
	default:
		c.Log.Error("%v", err)
	}
}

// deployOutcome is DeployOutcome. As zeek-client the document is zeek-client's: a node
// that failed is no entry of its errors, but a message.
func (c *Commands) deployOutcome(results []client.Result) Outcome {
	o := DeployOutcome(results)
	if !c.AsZeekClient {
		return o
	}
	inDocument := []any{}
	for _, r := range results {
		if !r.Success && r.Node == "" && r.Error != "" {
			inDocument = append(inDocument, r.Error)
		}
	}
	for _, text := range o.Document.(document)["errors"].([]any) {
		said := text.(string)
		tellsNothing := strings.HasPrefix(said, "node ") && strings.HasSuffix(said, ": "+noReason)
		if !slices.Contains(inDocument, text) && !tellsNothing {
			o.Errors = append(o.Errors, said)
		}
	}
	o.Document.(document)["errors"] = inDocument
	return o
}
