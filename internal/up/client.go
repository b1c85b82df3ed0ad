package up

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// mustListen returns an error if the controller does not listen for agents or for
// clients. `up` needs both.
func mustListen(set settings.Controller) error {
	switch {
	case set.Broker.Off:
		return errors.New("controller.listen_port is off, and up needs it: choose a port with --controller-port")
	case set.WebSocket.Off:
		return errors.New("controller.websocket_port is off, and up needs it: choose a port with --websocket-port")
	}
	return nil
}

// clientConfig returns the configuration of `up`'s connection to its own controller.
// The controller listens on address.
func clientConfig(set settings.Controller, address string) (client.Config, error) {
	cfg := client.Config{
		Address: app.Reachable(address), AppName: "zeekfleet-up", Topic: set.Topics.Controller,
		RequestTimeout: max(set.DeployTimeout, set.RequestTimeout) + 2*time.Second,
	}
	if set.WebSocketTLS.Cert == "" {
		return cfg, nil
	}
	pair, err := tls.LoadX509KeyPair(set.WebSocketTLS.Cert, set.WebSocketTLS.Key)
	if err != nil {
		return cfg, fmt.Errorf("load the controller's certificate for up's own connection: %w", err)
	}
	cfg.TLS = &tls.Config{
		// VerifyConnection compares the whole certificate, so its issuer and its
		// names need no check.
		InsecureSkipVerify: true,
		VerifyConnection: func(s tls.ConnectionState) error {
			if !bytes.Equal(s.PeerCertificates[0].Raw, pair.Leaf.Raw) {
				return errors.New("this is not our controller's certificate")
			}
			return nil
		},
	}
	if set.WebSocketVerify {
		cfg.TLS.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}
