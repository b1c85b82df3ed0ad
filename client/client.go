package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Client is a connection to a controller. It makes one request at a time and is
// not safe for concurrent use.
//
// The error of a request is
//
//   - a *ServerError if the server refused the request,
//   - a *TimeoutError if the answer did not come in time,
//   - a *ServerClosed if the connection is lost,
//   - the cause of the context's cancellation,
//   - or an error of Dial, if the request had to connect again.
//
// After a timeout or a cancellation the connection is lost as well. If the
// connection is lost, the next request connects again. The client sends no request
// twice, but for one that only reads; see Config.Once.
type Client struct {
	cfg  Config
	conn *websocket.Client
	lost bool // conn must not be used again
	// progress is Deployment.OnProgress while DeployStaged runs. It may be nil.
	progress func(text string)
}

// Endpoint returns the controller's ID for this client. Each connection has another
// ID.
func (c *Client) Endpoint() string { return c.conn.Endpoint() }

// Version returns the version that the controller has announced.
func (c *Client) Version() string { return c.conn.Version() }

// Close says goodbye to the controller and ends the connection. It waits a
// fraction of a second for the controller's goodbye.
func (c *Client) Close() error { return own(c.conn.Close()) }

// Stage uploads a configuration for a later Deploy. If the configuration has no
// mistake, Stage returns one result with the configuration's ID as Text. Otherwise
// it returns a failure for each mistake.
func (c *Client) Stage(ctx context.Context, config Configuration) ([]Result, error) {
	return c.transact(ctx, mgmt.StageConfigurationRequest{ReqID: newReqID(), Config: config.mgmt()})
}

// Deploy deploys the staged configuration. It returns a result for each node. The
// result of a node that did not start carries NodeOutputs. One more result is the
// controller's own and carries the configuration's ID as Text.
func (c *Client) Deploy(ctx context.Context) ([]Result, error) {
	return c.transact(ctx, mgmt.DeployRequest{ReqID: newReqID()})
}

// Deployment says how DeployStaged deploys. With the zero value, DeployStaged does
// the same as Deploy.
type Deployment struct {
	// ID is the ID of the configuration that the caller has staged. If another
	// configuration has been staged since, DeployStaged deploys nothing. If ID is
	// empty, it deploys the staged configuration, whatever its ID is.
	ID string
	// Partial deploys to the instances that are connected. Other instances get
	// their nodes when they connect.
	Partial bool
	// OnProgress, if not nil, is called with a text that says what the deployment
	// waits for.
	OnProgress func(text string)
}

// ErrNotPartial says that the controller cannot deploy to a part of the instances.
// Zeek's controller cannot.
var ErrNotPartial = errors.New("this controller knows no partial deployments")

// announced reports whether the controller has announced this word.
func (c *Client) announced(word string) bool {
	return slices.Contains(strings.Fields(c.conn.Announced()), word)
}

// DeployStaged is Deploy with conditions. Zeek's controller knows no conditions:
//
//   - Zeek's controller deploys the staged configuration, whatever its ID is. If its
//     ID is not d.ID, DeployStaged adds a failure to the results.
//   - If d.Partial is set, DeployStaged sends no request to Zeek's controller, and
//     returns ErrNotPartial.
func (c *Client) DeployStaged(ctx context.Context, d Deployment) ([]Result, error) {
	if err := c.renewWithin(ctx); err != nil {
		return nil, err
	}
	if c.announced(mgmt.StagedDeploy) {
		return c.deployOn(ctx, d)
	}
	if d.Partial {
		return nil, ErrNotPartial
	}
	results, err := c.Deploy(ctx)
	if id, ok := ConfigurationID(results); ok && d.ID != "" && id != d.ID {
		results = append(results, Result{Error: fmt.Sprintf(
			"another configuration was deployed, which somebody has staged since: %s, not %s", id, d.ID)})
	}
	return results, err
}

func (c *Client) deployOn(ctx context.Context, d Deployment) ([]Result, error) {
	c.progress = d.OnProgress
	defer func() { c.progress = nil }()
	patience := c.cfg.RequestTimeout
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(end))
	}
	return c.transact(ctx, mgmt.StagedDeployRequest{
		ReqID: newReqID(), ID: d.ID, Partial: d.Partial, Patience: max(patience, 0),
	})
}

// ConfigurationID takes the results of Stage, Deploy or DeployStaged, and returns
// the ID of the configuration that was staged or deployed. It returns false if none
// was.
func ConfigurationID(results []Result) (id string, ok bool) {
	for _, r := range results {
		if text, isText := r.Data.(Text); isText && r.Success && r.Instance == "" && r.Node == "" {
			return string(text), true
		}
	}
	return "", false
}

// GetConfiguration returns a result with the deployed or the staged
// Configuration.
func (c *Client) GetConfiguration(ctx context.Context, deployed bool) (Result, error) {
	return first(c.transact(ctx, mgmt.GetConfigurationRequest{ReqID: newReqID(), Deployed: deployed}))
}

// GetInstances returns a result with Instances: those whose agents are connected.
func (c *Client) GetInstances(ctx context.Context) (Result, error) {
	return first(c.transact(ctx, mgmt.GetInstancesRequest{ReqID: newReqID()}))
}

// GetNodes returns a result with NodeStatuses for each connected instance.
func (c *Client) GetNodes(ctx context.Context) ([]Result, error) {
	return c.transact(ctx, mgmt.GetNodesRequest{ReqID: newReqID()})
}

// GetIDValue asks nodes for the value of a global identifier. Without nodes it asks
// all nodes. It returns a result for each node. The value is JSON, as Text.
func (c *Client) GetIDValue(ctx context.Context, identifier string, nodes ...NodeName) ([]Result, error) {
	return c.transact(ctx, mgmt.GetIDValueRequest{ReqID: newReqID(), ID: identifier, Nodes: nodeNames(nodes)})
}

// Restart restarts nodes. Without nodes it restarts all nodes. It returns a result
// for each node.
func (c *Client) Restart(ctx context.Context, nodes ...NodeName) ([]Result, error) {
	return c.transact(ctx, mgmt.RestartRequest{ReqID: newReqID(), Nodes: nodeNames(nodes)})
}

// TestTimeout makes a request that times out at the controller. With state, the
// controller answers with a failure after about 10 seconds. Without state, it never
// answers.
func (c *Client) TestTimeout(ctx context.Context, withState bool) (Result, error) {
	return first(c.transact(ctx, mgmt.TestTimeoutRequest{ReqID: newReqID(), WithState: withState}))
}

func newReqID() mgmt.ReqID { return mgmt.ReqID(uuid.NewString()) }

// first returns the result of a response that carries one.
func first(results []Result, err error) (Result, error) {
	if err != nil {
		return Result{}, err
	}
	return results[0], nil
}

// transact sends req, waits for its response, and returns the response's results. A request that
// only reads is sent once more if the connection is lost.
func (c *Client) transact(ctx context.Context, req mgmt.Request) ([]Result, error) {
	results, err := c.transactOnce(ctx, req)
	if _, closed := errors.AsType[*ServerClosed](err); closed && !c.cfg.Once && mgmt.KindOf(req).May <= mgmt.Viewer && ctx.Err() == nil {
		return c.transactOnce(ctx, req)
	}
	return results, err
}

// transactOnce skips all other messages than the response: all clients share the topic.
func (c *Client) transactOnce(ctx context.Context, req mgmt.Request) ([]Result, error) {
	request, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	if err := c.renew(request); err != nil {
		return nil, err
	}
	if err := c.conn.Send(request, c.cfg.Topic, codec.Encode(req)); err != nil {
		return nil, c.fail(ctx, err)
	}
	defer c.conn.Skip()
	defer c.conn.Watch(request, pingEvery, pongWithin)()
	answer := codec.Name(req.Answer("", mgmt.Result{}))
	for {
		_, v, err := c.conn.Receive(request)
		if isMalformed(err) {
			c.cfg.OnSkip(err)
			continue
		}
		if err != nil {
			return nil, c.fail(ctx, err)
		}
		if why := notAnswer(v, answer, req.RequestID()); why != nil {
			if !c.reportProgress(v, req.RequestID()) {
				c.cfg.OnSkip(why)
			}
			continue
		}
		msg, err := codec.Decode(v)
		if err != nil {
			return nil, fmt.Errorf("protocol data error with controller %s: %w", c.cfg.Address, err)
		}
		return each(msg.(mgmt.Response).Outcomes(), resultOf), nil
	}
}

// While a request waits, the connection is looked at each pingEvery. If the controller is silent for
// pongWithin, the request fails.
const (
	pingEvery  = time.Second
	pongWithin = 3500 * time.Millisecond
)

// isMalformed reports whether err is about a message that is no JSON of Zeek.
func isMalformed(err error) bool {
	_, ok := errors.AsType[*wsjson.Error](err)
	return ok
}

// reportProgress calls c.progress if v is a DeployProgress for request id. It
// returns false if v is not, or if c.progress is nil.
func (c *Client) reportProgress(v zval.Value, id mgmt.ReqID) bool {
	if c.progress == nil || notAnswer(v, codec.Name(mgmt.DeployProgress{}), id) != nil {
		return false
	}
	msg, err := codec.Decode(v)
	said, ok := msg.(mgmt.DeployProgress)
	if err != nil || !ok {
		return false
	}
	c.progress(said.Text)
	return true
}

// renewWithin is renew, within the time of a request.
func (c *Client) renewWithin(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	return c.renew(ctx)
}

// renew connects again if the connection is lost.
func (c *Client) renew(ctx context.Context) error {
	if !c.lost && !c.conn.Lost() {
		return nil
	}
	c.conn.Close()
	c.lost = true
	conn, address, err := connect(ctx, c.cfg)
	if err != nil {
		return err
	}
	c.conn, c.lost, c.cfg = conn, false, c.cfg.beginningWith(address)
	return nil
}

// notAnswer returns why v is not the event called name for request id. It returns
// nil if v is that event.
func notAnswer(v zval.Value, name string, id mgmt.ReqID) error {
	e, err := wire.ParseEvent(v)
	if err != nil {
		return err
	}
	if e.Name != name {
		return &OtherEvent{e.Name}
	}
	if len(e.Args) == 0 || !zval.Equal(e.Args[0], zval.String(string(id))) {
		return fmt.Errorf("event %s answers another request", e.Name)
	}
	return nil
}

// OtherEvent says that an event is not of the kind that answers the request.
type OtherEvent struct{ Name string }

// Error names the event.
func (e *OtherEvent) Error() string { return fmt.Sprintf("event %s is not the answer", e.Name) }

// fail marks the connection as lost unless err is a *ServerError. It returns the
// error for the caller: a *TimeoutError if the deadline of the request has passed,
// the cause if the caller has canceled ctx, and else err.
func (c *Client) fail(ctx context.Context, err error) error {
	err = own(err)
	if _, ok := errors.AsType[*ServerError](err); !ok {
		c.lost = true
		if _, ok := errors.AsType[*ServerClosed](err); ok && ctx.Err() != nil {
			// The end of ctx has interrupted the sending, which ends the connection.
			// The reader may see that end first.
			err = fmt.Errorf("receive from server: %w", context.Cause(ctx))
		}
	}
	if errors.Is(err, context.DeadlineExceeded) && !errors.Is(ctx.Err(), context.Canceled) {
		return &TimeoutError{Address: c.cfg.Address}
	}
	if closed, ok := errors.AsType[*ServerClosed](err); ok && closed.Code == messageTooBig {
		return fmt.Errorf("the controller takes no request of this length: %w", err)
	}
	return err
}

// messageTooBig is the close code for a message that is too long (RFC 6455
// section 7.4.1).
const messageTooBig = 1009
