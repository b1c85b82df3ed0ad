package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
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
	// Address is the host of the controller, perhaps with the port of its API.
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
	address, err := api.JoinPort(j.Address)
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
		return rejoin(dir, held, address, token, j.Logger)
	case err != nil && !errors.Is(err, joined.ErrNone) && !j.Replace:
		return fmt.Errorf("%w; --replace joins anew", err)
	case j.Token == "":
		return ErrNoToken
	}
	credentials, err := j.ask(ctx, address, token)
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	if err := dir.Save(credentials); err != nil {
		return err
	}
	j.Logger.Info("this agent has joined", "cluster", credentials.Cluster, "instance", credentials.Instance,
		"controller", credentials.Controller, "credentials", string(dir))
	return nil
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
// has moved, it takes over the new address.
func rejoin(dir joined.Dir, held *joined.Held, address string, token identity.Token, log *slog.Logger) error {
	if token != (identity.Token{}) && !held.Knows(token.Authority) {
		return fmt.Errorf("join: this agent has joined cluster %s as %q (%s), and the token is of another cluster: --replace leaves the old one",
			held.Cluster, held.Instance, dir.File())
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err // JoinPort has made the address
	}
	oldHost, port, err := net.SplitHostPort(held.Controller)
	if err != nil {
		return fmt.Errorf("%s: %w", dir.File(), err)
	}
	said := "this agent has joined already"
	if token != (identity.Token{}) {
		said += "; the token is not used"
	}
	log.Info(said, "cluster", held.Cluster, "instance", held.Instance)
	if host == oldHost {
		return nil
	}
	next := held.Credentials
	next.Controller = net.JoinHostPort(host, port)
	if err := dir.Renew(held.Credentials, next); err != nil {
		return err
	}
	log.Info("the address of the controller is another now", "was", held.Controller, "controller", next.Controller)
	return nil
}

// ask makes keys, and asks the controller for certificates. It sends nothing unless the
// controller has a certificate of the authority that the token names.
func (j Joining) ask(ctx context.Context, address string, token identity.Token) (joined.Credentials, error) {
	none := joined.Credentials{}
	// The token says for whom it is; the controller decides the names.
	keys, err := joined.NewPending("", "")
	if err != nil {
		return none, err
	}
	request, err := keys.Request()
	if err != nil {
		return none, err
	}
	client, err := api.JoinClient(address, token.String())
	if err != nil {
		return none, err
	}
	defer client.Close()
	got, err := client.Join(ctx, api.JoinRequest{
		Token: token.String(), Key: string(request.Key), NodeKey: string(request.NodeKey), Instance: j.Name, Replace: j.Replace,
	})
	if err != nil {
		return none, err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return none, err
	}
	port := uint16(mgmt.ControllerPort)
	if got.BrokerPort != 0 {
		port = got.BrokerPort
	}
	if j.Name != "" && got.Instance != j.Name {
		return none, fmt.Errorf("the token is for instance %q, and agent.name is %q: remove that setting (--name), or make a token for that name", got.Instance, j.Name)
	}
	credentials, err := keys.Complete(joined.Signed{
		Cluster: got.Cluster, Instance: got.Instance, Controller: net.JoinHostPort(host, strconv.Itoa(int(port))),
		Certificate: []byte(got.Certificate), Authorities: []byte(got.Authorities),
		NodeCertificate: []byte(got.NodeCertificate), NodeAuthorities: []byte(got.NodeAuthorities),
	})
	if err != nil {
		return none, err
	}
	credentials.Received = time.Now()
	held, err := credentials.Use()
	if err == nil {
		err = held.Valid(credentials.Received)
	}
	if err != nil {
		return none, fmt.Errorf("what the controller at %s has signed does not count: %w", address, err)
	}
	return credentials, nil
}
