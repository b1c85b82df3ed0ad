package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/joined"
)

// SignFile says which signing request to sign, and for whom.
type SignFile struct {
	Path     string // "-" is standard input
	Identity identity.Identity
	Hosts    []string
	Life     time.Duration // zero means the life of its kind
	Out      string        // where the certificate goes; empty means beside Path
	Replace  bool
}

// maxSignFile bounds a file with signing requests, in bytes.
const maxSignFile = 512 << 10

// Sign signs a signing request, and writes the certificate and the authorities. The
// request is a PEM text, or the file of a sensor that cannot reach the controller. The
// answer to that file is one file, which the sensor installs.
func (a Admin) Sign(ctx context.Context, s SignFile) int {
	text, err := a.readRequest(s.Path)
	if err != nil {
		a.Log.Error("read the signing request: %v", err)
		return StatusFailed
	}
	var sign func(*api.Client) error
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		var sensor joined.Request
		if sensor, err = s.ofSensor(text); err == nil {
			sign = func(client *api.Client) error { return a.signSensor(ctx, client, s, sensor) }
		}
	} else if _, err = identity.ReadRequest(text); err == nil {
		sign = func(client *api.Client) error { return a.signPEM(ctx, client, s, text) }
	}
	if err != nil {
		a.Log.Error("signing request %s: %v", s.Path, err)
		return StatusFailed
	}
	return a.ask(ctx, sign)
}

func (s SignFile) request(id identity.Identity, key []byte) api.SignRequest {
	return api.SignRequest{Identity: id.String(), Key: string(key), Hosts: s.Hosts, Life: ttlSeconds(s.Life), Replace: s.Replace}
}

func (a Admin) signPEM(ctx context.Context, client *api.Client, s SignFile, text []byte) error {
	signed, err := client.Sign(ctx, s.request(s.Identity, text))
	if err != nil {
		return err
	}
	out := s.Out
	if out == "" {
		out = s.beside(".pem")
	}
	base := strings.TrimSuffix(out, filepath.Ext(out))
	return a.writeSigned(signed, madeFiles{certificate: out, authorities: base + "-ca.pem"})
}

// ofSensor reads the request of a sensor. The user decides for whom it is signed; the
// file only says for whom the sensor wants it.
func (s SignFile) ofSensor(text []byte) (joined.Request, error) {
	r, err := joined.DecodeRequest(text)
	if err != nil {
		return r, err
	}
	if want := (identity.Identity{Kind: identity.Agent, Name: r.Instance}); s.Identity != want {
		return r, fmt.Errorf("it is the request of %s, and --identity says %s", want, s.Identity)
	}
	for _, key := range [][]byte{r.Key, r.NodeKey} {
		if len(key) == 0 {
			continue
		}
		if _, err := identity.ReadRequest(key); err != nil {
			return r, err
		}
	}
	return r, nil
}

// signSensor answers the request of a sensor with one file.
func (a Admin) signSensor(ctx context.Context, client *api.Client, s SignFile, r joined.Request) error {
	agent, err := client.Sign(ctx, s.request(s.Identity, r.Key))
	if err != nil {
		return err
	}
	answer := joined.Signed{
		Cluster: agent.Cluster, Instance: r.Instance, Controller: r.Controller,
		Certificate: []byte(agent.Certificate), Authorities: []byte(agent.Authorities),
	}
	if len(r.NodeKey) > 0 {
		in := s.request(identity.Identity{Kind: identity.Node, Name: r.Instance}, r.NodeKey)
		in.Life = 0 // Zeek reads its certificate once
		nodes, err := client.Sign(ctx, in)
		if err != nil {
			return err
		}
		answer.NodeCertificate, answer.NodeAuthorities = []byte(nodes.Certificate), []byte(nodes.Authorities)
	}
	out := s.Out
	if out == "" {
		out = s.beside(".signed.json")
	}
	if err := writeNew(out, answer.Encode(), 0o644); err != nil {
		return err
	}
	a.Log.Notice("wrote the certificates of %s to %s, valid until %s", s.Identity, out, agent.Expires.Local().Format(timeForm))
	a.Log.Notice("copy the file to the sensor, and run there: zeekfleet agent install %s", filepath.Base(out))
	return nil
}

// beside returns the path of a file beside the signing request, or in the working
// directory.
func (s SignFile) beside(ext string) string {
	if s.Path == "-" {
		return fileName(s.Identity.Name) + ext
	}
	return strings.TrimSuffix(s.Path, filepath.Ext(s.Path)) + ext
}

func (a Admin) readRequest(path string) ([]byte, error) {
	in := a.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxSignFile+1))
	if err == nil && len(text) > maxSignFile {
		err = fmt.Errorf("more than %d bytes", maxSignFile)
	}
	return text, err
}
