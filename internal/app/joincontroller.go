//go:build !noetcd

package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/member"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// ControllerJoining says how a controller joins others.
type ControllerJoining struct {
	Settings settings.Controller
	// Addresses are those of controllers of the cluster, perhaps with the port for clients. One
	// of them must answer.
	Addresses []string
	Token     string
	Version   string
	Logger    *slog.Logger
}

// JoinController makes a controller a member of a cluster of controllers, and keeps what it
// gets in the directory of the controller. After an error nothing is there.
func JoinController(ctx context.Context, j ControllerJoining) error {
	set := j.Settings
	if len(set.Cluster.Etcd.Endpoints) > 0 {
		return errors.New("a controller whose state is in an etcd of the site (controller.etcd.endpoints) needs not join: start it")
	}
	if host := advertised(set); isLoopback(host) && set.Cluster.Advertise == "" {
		return fmt.Errorf("the other controllers cannot reach this one at %s: set controller.listen_address (--listen-address), or controller.advertise", host)
	}
	lock, err := lockDirectory(set.Directory)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := joinable(set.Directory); err != nil {
		return err
	}
	key, err := identity.NewKey()
	if err != nil {
		return err
	}
	keyText, err := identity.KeyPEM(key)
	if err != nil {
		return err
	}
	request, err := identity.NewRequest(identity.Identity{Kind: identity.Controller, Name: set.Name}, key)
	if err != nil {
		return err
	}
	says := announcedBefore(set)
	got, err := j.ask(ctx, api.ControllerJoin{
		Token: j.Token, Name: set.Name, Hosts: says.Hosts, Peer: says.Peer, PeerKey: string(request), Clients: says.Clients, Agents: says.Agents, Version: j.Version,
	})
	if err != nil {
		return fmt.Errorf("join: %w", err)
	}
	place := member.Place{
		Name: set.Name, Prefix: got.Prefix, URL: says.Peer, Added: true, Settled: true,
		CA: []byte(got.PeerAuthority), Certificate: []byte(got.PeerCertificate), Key: keyText,
	}
	for _, one := range got.Initial {
		for _, u := range one.URLs {
			place.Peers = append(place.Peers, member.Peer{Name: one.Name, URL: u})
		}
	}
	if err := place.Save(set.Directory); err != nil {
		return fmt.Errorf("join: what the cluster has sent cannot be used: %w", err)
	}
	j.Logger.Info("this controller has joined", "controller", set.Name, "peer", says.Peer, "members", len(place.Peers))
	return nil
}

// joinable returns an error if a directory has what joining would hide.
func joinable(dir string) error {
	if place, err := member.Load(dir); err == nil && !place.Added {
		return fmt.Errorf("this controller was started with --cluster before it has joined, and is the first one of a cluster of its own (%s): move its directory away, and join again", member.File(dir))
	}
	if _, err := os.Lstat(member.File(dir)); err == nil {
		return fmt.Errorf("this controller has joined already (%s): start it. To join anew, remove it from the cluster (zeekfleet controller remove), and move the directory away", member.File(dir))
	}
	for _, name := range []string{"state.db", "authority.db"} {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is the state of a controller of its own, and one that joins takes the state of the others: move the directory away, or give the new controller another name (--name)", path)
		}
	}
	return nil
}

// ask asks the controllers, one after the other, until one answers.
func (j ControllerJoining) ask(ctx context.Context, in api.ControllerJoin) (got api.ControllerJoined, err error) {
	var failed error
	for _, address := range j.Addresses {
		client, err := api.JoinClient(address, j.Token)
		if err != nil {
			return got, err
		}
		got, err = client.JoinController(ctx, in)
		client.Close()
		if err == nil {
			return got, nil
		}
		failed = errors.Join(failed, fmt.Errorf("%s: %w", address, err))
		if refused, ok := errors.AsType[*api.Problem](err); ok && refused.Status != http.StatusServiceUnavailable {
			return got, err
		}
	}
	return got, failed
}
