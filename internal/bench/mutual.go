package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// mutualRounds are the rounds in which requests in plain text and requests through TLS
// take turns, so that both meet the same machine.
const mutualRounds, mutualRequests = 50, 100

// mutual compares requests through mutual TLS, from the client to the controller and from
// there to the agent, with the same requests in plain text.
func mutual(ctx context.Context, dir string) (figures []figure, err error) {
	plain, err := startProcesses(ctx, dir, "plain")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plain.stop()) }()
	secret, files, err := startMutual(ctx, dir, "mutual")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, secret.stop()) }()

	var tookPlain, tookSecret []time.Duration
	for range mutualRounds {
		for _, side := range []struct {
			client *client.Client
			took   *[]time.Duration
		}{{plain.client, &tookPlain}, {secret.client, &tookSecret}} {
			for range mutualRequests {
				began := time.Now()
				results, err := side.client.GetIDValue(ctx, "bits_per_uid")
				if err != nil || len(results) != 4 {
					return nil, fmt.Errorf("get_id_value: %d results, want 4; error: %v", len(results), err)
				}
				*side.took = append(*side.took, time.Since(began))
			}
		}
	}
	command, err := commandTimes(ctx, 21, append(append([]string{secret.program}, files...), "--controller", secret.clients, "get-nodes")...)
	if err != nil {
		return nil, err
	}
	fast, slow := ms(quantile(tookPlain, 0.5)), ms(quantile(tookSecret, 0.5))
	return []figure{
		{what: "get_id_value, plain text, p50", value: fast, unit: "ms"},
		{what: "get_id_value, mutual TLS, p50", value: slow, unit: "ms"},
		atMost("get_id_value, mutual TLS beside plain text, p50", 100*(slow/fast-1), "% more", 15),
		times("zeekfleet get-nodes through mutual TLS, from start to end", command, 0, 25, 0),
	}, nil
}

// startMutual does what startProcesses does. The controller has an authority of its own,
// and client and agent have certificates of it. files are the client's settings.
func startMutual(ctx context.Context, dir, name string) (p *processes, files []string, err error) {
	p = new(processes)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	if p.program, err = binary(ctx, dir); err != nil {
		return p, nil, err
	}
	state := filepath.Join(dir, name)
	m, err := enrol(ctx, filepath.Join(state, "nodes", "controller"))
	if err != nil {
		return p, nil, err
	}
	p.controller, err = start(ctx, true, p.program, "controller", "--state-dir", state, "--name", "controller",
		"--listen-port", "0", "--websocket-port", "0", "--transport", "tls",
		"--auto-assign-broker-start-port", "2700", "--auto-assign-metrics-start-port", "9700") // the other cluster has the usual ones
	if err != nil {
		return p, nil, err
	}
	addresses, err := p.controller.await(`msg="controller is live".* broker=(\S+) websocket=(\S+)`)
	if err != nil {
		return p, nil, err
	}
	p.peers, p.clients = addresses[1], addresses[2]
	m.agent.Controller = p.peers
	if err := joined.DirIn(state).Save(m.agent); err != nil {
		return p, nil, err
	}
	p.agent, err = start(ctx, true, p.program, "agent", "--state-dir", state, "--listen-port", "0", "--transport", "tls")
	if err != nil {
		return p, nil, err
	}
	if _, err := p.agent.await(`msg="agent is live"`); err != nil {
		return p, nil, err
	}
	p.controller.discard()
	p.agent.discard()
	_, port, err := net.SplitHostPort(p.clients)
	if err != nil {
		return p, nil, err
	}
	p.clients = net.JoinHostPort("localhost", port)
	if p.client, err = client.Dial(ctx, client.Config{Address: p.clients, TLS: m.user}); err != nil {
		return p, nil, err
	}
	if err := awaitInstances(ctx, p.client, 1); err != nil {
		return p, nil, err
	}
	if err := deploy(ctx, p.client, fourNodes("agent")); err != nil {
		return p, nil, err
	}
	files, err = m.write(state)
	return p, files, err
}

// members are an agent and a user of a cluster.
type members struct {
	agent            joined.Credentials
	user             *tls.Config
	certificate, key []byte // of the user, in PEM form
	authorities      []byte
}

// enrol makes the authority of a controller that does not run yet, and signs the
// certificates of an agent and of a user.
func enrol(ctx context.Context, controller string) (m members, err error) {
	if err := os.MkdirAll(controller, 0o700); err != nil {
		return m, err
	}
	authority, err := daemon.OpenAuthority(ctx, daemon.AuthorityConfig{Directory: controller, Name: "controller", Hosts: []string{"localhost"}})
	if err != nil {
		return m, err
	}
	running, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- authority.Run(running) }()
	defer func() {
		end()
		<-ended
		err = errors.Join(err, authority.Close())
	}()
	if m.agent, err = enrolAgent(ctx, authority); err != nil {
		return m, err
	}
	return m, m.enrolUser(ctx, authority)
}

var admin = mgmt.Principal{Name: "bench", Role: mgmt.Admin}

// ask makes a request of an authority, and returns its answer if it is an A.
func ask[A access.Answer](ctx context.Context, authority *daemon.Authority, req access.Request) (A, error) {
	answer, err := authority.Ask(ctx, admin, req)
	if refusal, ok := answer.(access.Refusal); ok {
		err = errors.New(refusal.Reason)
	}
	wanted, ok := answer.(A)
	if err == nil && !ok {
		err = fmt.Errorf("answered is %T", answer)
	}
	if err != nil {
		err = fmt.Errorf("ask the authority for %T: %w", req, err)
	}
	return wanted, err
}

func enrolAgent(ctx context.Context, authority *daemon.Authority) (joined.Credentials, error) {
	token, err := ask[access.Token](ctx, authority, access.CreateToken{Instance: "agent"})
	if err != nil {
		return joined.Credentials{}, err
	}
	keys, err := joined.NewPending("agent", "localhost:1")
	if err != nil {
		return joined.Credentials{}, err
	}
	request, err := keys.Request()
	if err != nil {
		return joined.Credentials{}, err
	}
	got, err := ask[access.Joined](ctx, authority, access.Join{Token: token.Text, Key: request.Key, NodeKey: request.NodeKey})
	if err != nil {
		return joined.Credentials{}, err
	}
	return keys.Complete(joined.Signed{
		Cluster: got.Cluster, Instance: got.Instance, Certificate: got.Certificate, Authorities: got.Authorities,
		NodeCertificate: got.NodeCertificate, NodeAuthorities: got.NodeAuthorities,
	})
}

func (m *members) enrolUser(ctx context.Context, authority *daemon.Authority) error {
	token, err := ask[access.Token](ctx, authority, access.AddUser{Name: "ann", Role: mgmt.Operator})
	if err != nil {
		return err
	}
	key, err := identity.NewKey()
	if err != nil {
		return err
	}
	request, err := identity.NewRequest(identity.Identity{Kind: identity.User, Name: "ann"}, key)
	if err != nil {
		return err
	}
	got, err := ask[access.Certificate](ctx, authority, access.Login{Token: token.Text, Key: request})
	if err != nil {
		return err
	}
	if m.key, err = identity.KeyPEM(key); err != nil {
		return err
	}
	m.certificate, m.authorities = got.Certificate, got.Authorities
	pair, err := tls.X509KeyPair(m.certificate, m.key)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(m.authorities)
	m.user = &tls.Config{ServerName: "localhost", RootCAs: roots, Certificates: []tls.Certificate{pair}}
	return nil
}

// write writes the user's files, and returns the settings of a client that uses them.
func (m *members) write(dir string) ([]string, error) {
	settings := []string{"--set", "ssl.enable=true"}
	for _, f := range []struct {
		setting, name string
		text          []byte
	}{{"ssl.certificate", "ann.pem", m.certificate}, {"ssl.keyfile", "ann.key", m.key}, {"ssl.cafile", "authorities.pem", m.authorities}} {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, f.text, 0o600); err != nil {
			return nil, err
		}
		settings = append(settings, "--set", f.setting+"="+path)
	}
	return settings, nil
}
