package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// Joining says how an agent joins a cluster.
type Joining struct {
	// StateDir is the agent's state directory.
	StateDir string
	// Address is the host of the controller, perhaps with the port of its API. There may be
	// several, with commas: the next one is asked if one does not answer.
	Address string
	// Token is the joining token. It may be empty if the agent has joined already.
	Token string
	// Name is the name that the settings give to the agent. It is empty if they give none.
	Name string
	// Replace makes an agent join that has joined already, or whose name another has.
	Replace bool
	// Logger gets the log records.
	Logger *slog.Logger
}

// ErrNoToken says that an agent has not joined and has no token.
var ErrNoToken = errors.New("this agent has not joined yet, and joining takes a token: make one on the controller with \"zeekfleet token create\", and give it with --token, --token-file or ZEEKFLEET_TOKEN")

// Join makes the agent a member of the controller's cluster, and keeps what it gets in
// the state directory. An agent that is a member of that cluster already stays what it
// is, unless j.Replace is set; only the address of its controller becomes j.Address. After
// an error everything is as it was.
func Join(ctx context.Context, j Joining) error {
	addresses, err := joinPorts(j.Address)
	if err != nil {
		return fmt.Errorf("--join: %w", err)
	}
	var token identity.Token
	if j.Token != "" {
		if token, err = identity.ParseToken(j.Token); err != nil {
			return fmt.Errorf("join: %w", err)
		}
	}
	dir := joined.DirIn(j.StateDir)
	held, err := dir.Load()
	newer, isNewer := errors.AsType[*form.NewerError](err)
	switch {
	case isNewer:
		return fmt.Errorf("join: %s is %w", dir.File(), newer)
	case err == nil && !j.Replace:
		return rejoin(dir, held, addresses, token, j.Logger)
	case err != nil && !errors.Is(err, joined.ErrNone) && !j.Replace:
		return fmt.Errorf("%w; --replace joins anew", err)
	case j.Token == "":
		return ErrNoToken
	}
	credentials, others, err := j.askFirst(ctx, addresses, token)
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	if err := dir.Save(credentials); err != nil {
		return err
	}
	if err := dir.Controllers(credentials.Cluster).Save(others); err != nil {
		j.Logger.Warn("this agent connects to one controller until that one tells it the others", "err", err)
	}
	j.Logger.Info("this agent has joined", "cluster", credentials.Cluster, "instance", credentials.Instance,
		"controller", credentials.Controller, "credentials", string(dir))
	return nil
}

// joinPorts returns the host and port of each address in a text with commas.
func joinPorts(text string) (list []string, err error) {
	for one := range strings.SplitSeq(text, ",") {
		address, err := api.JoinPort(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		list = append(list, address)
	}
	if len(list) > mgmt.MaxControllers {
		return nil, fmt.Errorf("%d controllers are more than %d", len(list), mgmt.MaxControllers)
	}
	return list, nil
}

// askFirst asks the first controller that answers. others are the addresses at which the agent
// dials the controllers of the cluster, as that one knows them, or as they were given.
func (j Joining) askFirst(ctx context.Context, addresses []string, token identity.Token) (c joined.Credentials, others []string, err error) {
	var errs []error
	for _, address := range addresses {
		if c, others, err = j.ask(ctx, address, token); err == nil {
			break
		}
		if len(addresses) > 1 {
			err = fmt.Errorf("%s: %w", address, err)
		}
		errs = append(errs, err)
		if p, ok := errors.AsType[*api.Problem](err); ok && p.Status != http.StatusServiceUnavailable || ctx.Err() != nil {
			return c, nil, errors.Join(errs...)
		}
	}
	if err != nil {
		return c, nil, errors.Join(errs...)
	}
	if len(others) == 0 && len(addresses) > 1 {
		others, err = withPortOf(c.Controller, addresses)
	}
	return c, others[:min(len(others), mgmt.MaxControllers)], err
}

// withPortOf returns addresses with the port of a controller.
func withPortOf(controller string, addresses []string) (list []string, err error) {
	_, port, err := net.SplitHostPort(controller)
	if err != nil {
		return nil, err
	}
	for _, address := range addresses {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		list = append(list, net.JoinHostPort(host, port))
	}
	return list, nil
}

// AfterJoin returns the error of an agent that did not open. An agent of this directory that
// runs knows nothing yet of what Join has saved.
func AfterJoin(err error) error {
	if !errors.Is(err, boltstore.ErrInUse) {
		return err
	}
	return fmt.Errorf("what this agent has joined is saved, but an agent runs with this state directory already: restart that agent (%w)", err)
}

// rejoin keeps the credentials of an agent that is a member already. If the controller
// has moved, it takes over the new address, or the new addresses.
func rejoin(dir joined.Dir, held *joined.Held, addresses []string, token identity.Token, log *slog.Logger) error {
	if token != (identity.Token{}) && !held.Knows(token.Authority) {
		return fmt.Errorf("join: this agent has joined cluster %s as %q (%s), and the token is of another cluster: --replace leaves the old one",
			held.Cluster, held.Instance, dir.File())
	}
	moved, err := withPortOf(held.Controller, addresses)
	if err != nil {
		return fmt.Errorf("%s: %w", dir.File(), err)
	}
	said := "this agent has joined already"
	if token != (identity.Token{}) {
		said += "; the token is not used"
	}
	log.Info(said, "cluster", held.Cluster, "instance", held.Instance)
	if len(moved) > 1 {
		if err := dir.Controllers(held.Cluster).Save(moved); err != nil {
			return err
		}
	}
	if slices.Contains(moved, held.Controller) {
		return nil
	}
	next := held.Credentials
	next.Controller = moved[0]
	if err := dir.Renew(held.Credentials, next); err != nil {
		return err
	}
	log.Info("the address of the controller is another now", "was", held.Controller, "controller", next.Controller)
	return nil
}

// ask makes keys, and asks the controller for certificates. It sends nothing unless the
// controller has a certificate of the authority that the token names.
func (j Joining) ask(ctx context.Context, address string, token identity.Token) (c joined.Credentials, others []string, err error) {
	none := joined.Credentials{}
	// The token says for whom it is; the controller decides the names.
	keys, err := joined.NewPending("", "")
	if err != nil {
		return none, nil, err
	}
	request, err := keys.Request()
	if err != nil {
		return none, nil, err
	}
	client, err := api.JoinClient(address, token.String())
	if err != nil {
		return none, nil, err
	}
	defer client.Close()
	got, err := client.Join(ctx, api.JoinRequest{
		Token: token.String(), Key: string(request.Key), NodeKey: string(request.NodeKey), Instance: j.Name, Replace: j.Replace,
	})
	if err != nil {
		return none, nil, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return none, nil, err
	}
	port := uint16(mgmt.ControllerPort)
	if got.BrokerPort != 0 {
		port = got.BrokerPort
	}
	if j.Name != "" && got.Instance != j.Name {
		return none, nil, fmt.Errorf("the token is for instance %q, and agent.name is %q: remove that setting (--name), or make a token for that name", got.Instance, j.Name)
	}
	credentials, err := keys.Complete(joined.Signed{
		Cluster: got.Cluster, Instance: got.Instance, Controller: net.JoinHostPort(host, strconv.Itoa(int(port))),
		Certificate: []byte(got.Certificate), Authorities: []byte(got.Authorities),
		NodeCertificate: []byte(got.NodeCertificate), NodeAuthorities: []byte(got.NodeAuthorities),
	})
	if err != nil {
		return none, nil, err
	}
	credentials.Received = time.Now()
	held, err := credentials.Use()
	if err == nil {
		err = held.Valid(credentials.Received)
	}
	if err != nil {
		return none, nil, fmt.Errorf("what the controller at %s has signed does not count: %w", address, err)
	}
	return credentials, got.Controllers, nil
}
