package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// ByHand is the life of a certificate that nothing renews.
const ByHand = 365 * 24 * time.Hour

// NewFiles says for whom CertificateFiles makes a certificate, and where the files go.
type NewFiles struct {
	Identity identity.Identity
	// Dir is the directory of the files. It need not exist.
	Dir   string
	Hosts []string
	Life  time.Duration
	// Replace revokes the certificates that the identity has, and overwrites files.
	Replace bool
}

// madeFiles are the paths of a certificate's files. An empty path means that there is no
// such file.
type madeFiles struct{ certificate, key, authorities string }

func (n NewFiles) paths() (madeFiles, error) {
	dir, err := filepath.Abs(n.Dir)
	if err != nil {
		return madeFiles{}, err
	}
	base := filepath.Join(dir, fileName(n.Identity.Name))
	return madeFiles{base + ".pem", base + ".key", base + "-ca.pem"}, nil
}

// ofNodes returns the paths for the nodes of a Zeek that has the files m. The nodes and
// that Zeek must trust the same authorities.
func (m madeFiles) ofNodes() madeFiles {
	base := strings.TrimSuffix(m.certificate, ".pem") + "-nodes"
	return madeFiles{certificate: base + ".pem", key: base + ".key"}
}

// fileName returns a name of an identity as the beginning of the name of a file.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || strings.ContainsRune(`/\:*?"'<>|$&;`+"`", r) {
			return '-'
		}
		return r
	}, strings.TrimLeft(name, ".-"))
}

// ForZeek makes a certificate for a Zeek that is an agent or a controller, writes its
// files, and prints the settings with which that Zeek uses them. The nodes of an agent
// get a certificate as well, because nodes on other hosts trust no agent's. Agent and
// nodes must trust the authorities of both: they peer with each other.
func (a Admin) ForZeek(ctx context.Context, n NewFiles) int {
	return a.ask(ctx, func(client *api.Client) error {
		made, err := n.paths()
		if err != nil {
			return err
		}
		if n.Identity.Kind == identity.Controller {
			if err := a.makeFiles(ctx, client, n, made); err != nil {
				return err
			}
			_, err = io.WriteString(a.Stdout, zeekController(n.Identity, made))
			return err
		}
		nodes := n
		nodes.Identity.Kind, nodes.Life = identity.Node, 0 // Zeek reads its certificate once
		if err := n.checkFree(made, made.ofNodes()); err != nil {
			return err
		}
		if err := a.makeFiles(ctx, client, n, made); err != nil {
			return err
		}
		if err := a.makeFiles(ctx, client, nodes, made.ofNodes(), made.authorities); err != nil {
			return err
		}
		_, err = io.WriteString(a.Stdout, zeekAgent(n.Identity, made)+dialHint(ctx, client))
		return err
	})
}

// zeekController and zeekAgent return the lines for Zeek's local.zeek. Zeek takes part in
// authenticated TLS only if all of them are set (spec broker-wire 2.4).
func zeekController(id identity.Identity, made madeFiles) string {
	return zeekHead("controller") + redef("Broker::disable_ssl", "F") + zeekFiles(made) +
		redef("Broker::ssl_cafile", zeekString(made.authorities)) +
		redef("Management::Controller::name", zeekString(id.Name))
}

// The nodes of a Zeek agent read the same scripts. They alone have CLUSTER_NODE in their
// environment (spec zeek-launch 2.2).
func zeekAgent(id identity.Identity, made madeFiles) string {
	return zeekHead("agent") + redef("Broker::disable_ssl", "F") +
		"@if ( getenv(\"CLUSTER_NODE\") == \"\" )\n" + zeekFiles(made) +
		"@else\n" + zeekFiles(made.ofNodes()) + "@endif\n" +
		redef("Broker::ssl_cafile", zeekString(made.authorities)) +
		redef("Management::Agent::name", zeekString(id.Name))
}

// zeekHead returns how the lines begin. Zeek loads the role again without an effect.
func zeekHead(role string) string {
	return "# For local.zeek on the host of that Zeek. The paths are those of this host: adapt them.\n" +
		"@load policy/frameworks/management/" + role + "\n"
}

func zeekFiles(made madeFiles) string {
	return redef("Broker::ssl_certificate", zeekString(made.certificate)) +
		redef("Broker::ssl_keyfile", zeekString(made.key))
}

func redef(name, value string) string { return "redef " + name + " = " + value + ";\n" }

// dialHint returns a comment with the setting of a Zeek agent that dials the controller.
// It is empty if no other host can reach the controller.
func dialHint(ctx context.Context, client *api.Client) string {
	root, err := client.Root(ctx)
	if err != nil || len(root.Addresses) == 0 || api.IsLoopback(root.Addresses[0]) {
		return ""
	}
	host, _, err := net.SplitHostPort(root.Addresses[0])
	if err != nil {
		return ""
	}
	return "# If it connects to the controller, and not the controller to it:\n# " +
		redef("Management::Agent::controller", fmt.Sprintf("[$address=%s, $bound_port=%d/tcp]", zeekString(host), mgmt.ControllerPort))
}

// zeekString returns a string literal of Zeek.
func zeekString(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// ForZeekClient makes a certificate of a user, writes its files, and prints the section
// of zeek-client's settings that uses them.
func (a Admin) ForZeekClient(ctx context.Context, n NewFiles) int {
	return a.ask(ctx, func(client *api.Client) error {
		made, err := n.paths()
		if err != nil {
			return err
		}
		if err := a.makeFiles(ctx, client, n, made); err != nil {
			return err
		}
		escape := strings.NewReplacer("%", "%%").Replace
		_, err = fmt.Fprintf(a.Stdout, "# The paths are those of this host: adapt them where zeek-client runs.\n[ssl]\nenable = true\ncertificate = %s\nkeyfile = %s\ncafile = %s\n",
			escape(made.certificate), escape(made.key), escape(made.authorities))
		return err
	})
}

// checkFree returns an error if a file exists that must not be replaced.
func (n NewFiles) checkFree(sets ...madeFiles) error {
	for _, made := range sets {
		for _, path := range []string{made.certificate, made.key, made.authorities} {
			if path == "" || n.Replace {
				continue
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s exists already: choose another directory with --dir, or replace it with --replace", path)
			}
		}
	}
	return nil
}

// makeFiles makes a key and gets a certificate for it. The key is written before the
// controller is asked, so that no certificate is made whose key is lost. The authorities
// are added to the files of addTo as well.
func (a Admin) makeFiles(ctx context.Context, client *api.Client, n NewFiles, made madeFiles, addTo ...string) error {
	if err := n.checkFree(made); err != nil {
		return err
	}
	key, err := identity.NewKey()
	if err != nil {
		return err
	}
	private, err := identity.KeyPEM(key)
	if err != nil {
		return err
	}
	request, err := identity.NewRequest(n.Identity, key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(made.key), 0o700); err != nil {
		return err
	}
	fresh := made.key + ".new"
	if err := writeNew(fresh, private, 0o600); err != nil {
		return err
	}
	defer os.Remove(fresh)
	signed, err := client.Sign(ctx, api.SignRequest{
		Identity: n.Identity.String(), Key: string(request), Hosts: n.Hosts, Life: ttlSeconds(n.Life), Replace: n.Replace,
	})
	if err != nil {
		return err
	}
	if err := os.Rename(fresh, made.key); err != nil {
		return err
	}
	for _, path := range addTo {
		before, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := writeNew(path, append(before, signed.Authorities...), 0o644); err != nil {
			return err
		}
	}
	return a.writeSigned(signed, made)
}

// writeSigned writes a certificate and its authorities.
func (a Admin) writeSigned(signed api.Certificate, made madeFiles) error {
	for _, file := range []struct{ path, text string }{
		{made.certificate, signed.Certificate}, {made.authorities, signed.Authorities},
	} {
		if file.path == "" {
			continue
		}
		if err := writeNew(file.path, []byte(file.text), 0o644); err != nil {
			return err
		}
	}
	if made.authorities != "" {
		a.Log.Notice("wrote the certificate of %s to %s, and the authorities that its owner must trust to %s", signed.Identity, made.certificate, made.authorities)
	} else {
		a.Log.Notice("wrote the certificate of %s to %s", signed.Identity, made.certificate)
	}
	if made.key != "" {
		a.Log.Notice("the key in %s is a secret: only its owner may read it", made.key)
	}
	a.Log.Notice("the certificate is valid until %s; nothing renews it before", signed.Expires.Local().Format(timeForm))
	return nil
}

// writeNew writes a file that takes the place of any file at path.
func writeNew(path string, text []byte, mode fs.FileMode) error {
	f, err := durable.Create(path, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
