package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/api"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/identity"
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

// madeFiles are the paths of a certificate's files.
type madeFiles struct{ certificate, key, authorities string }

func (n NewFiles) paths() (madeFiles, error) {
	dir, err := filepath.Abs(n.Dir)
	if err != nil {
		return madeFiles{}, err
	}
	base := filepath.Join(dir, fileName(n.Identity.Name))
	return madeFiles{base + ".pem", base + ".key", base + "-ca.pem"}, nil
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
// files, and prints the settings with which that Zeek uses them.
func (a Admin) ForZeek(ctx context.Context, n NewFiles) int {
	return a.ask(ctx, func(client *api.Client) error {
		made, err := a.makeFiles(ctx, client, n)
		if err != nil {
			return err
		}
		_, err = io.WriteString(a.Stdout, zeekSettings(n.Identity, made))
		return err
	})
}

// zeekSettings returns the lines for Zeek's local.zeek. Zeek takes part in authenticated
// TLS only if all of them are set (spec broker-wire 2.4).
func zeekSettings(id identity.Identity, made madeFiles) string {
	module := "Agent"
	if id.Kind == identity.Controller {
		module = "Controller"
	}
	var b strings.Builder
	b.WriteString("redef Broker::disable_ssl = F;\n")
	for _, line := range [][2]string{
		{"Broker::ssl_certificate", made.certificate}, {"Broker::ssl_keyfile", made.key}, {"Broker::ssl_cafile", made.authorities},
		{"Management::" + module + "::name", id.Name},
	} {
		fmt.Fprintf(&b, "redef %s = %s;\n", line[0], zeekString(line[1]))
	}
	return b.String()
}

// zeekString returns a string literal of Zeek.
func zeekString(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// ForZeekClient makes a certificate of a user, writes its files, and prints the section
// of zeek-client's settings that uses them.
func (a Admin) ForZeekClient(ctx context.Context, n NewFiles) int {
	return a.ask(ctx, func(client *api.Client) error {
		made, err := a.makeFiles(ctx, client, n)
		if err != nil {
			return err
		}
		escape := strings.NewReplacer("%", "%%").Replace
		_, err = fmt.Fprintf(a.Stdout, "[ssl]\nenable = true\ncertificate = %s\nkeyfile = %s\ncafile = %s\n",
			escape(made.certificate), escape(made.key), escape(made.authorities))
		return err
	})
}

// makeFiles makes a key and gets a certificate for it. The key is written before the
// controller is asked, so that no certificate is made whose key is lost.
func (a Admin) makeFiles(ctx context.Context, client *api.Client, n NewFiles) (made madeFiles, err error) {
	if made, err = n.paths(); err != nil {
		return made, err
	}
	if !n.Replace {
		for _, path := range []string{made.certificate, made.key, made.authorities} {
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				return made, fmt.Errorf("%s exists already: choose another directory with --dir, or replace it with --replace", path)
			}
		}
	}
	key, err := identity.NewKey()
	if err != nil {
		return made, err
	}
	private, err := identity.KeyPEM(key)
	if err != nil {
		return made, err
	}
	request, err := identity.NewRequest(n.Identity, key)
	if err != nil {
		return made, err
	}
	if err := os.MkdirAll(filepath.Dir(made.key), 0o700); err != nil {
		return made, err
	}
	fresh := made.key + ".new"
	if err := writeNew(fresh, private, 0o600); err != nil {
		return made, err
	}
	defer os.Remove(fresh)
	signed, err := client.Sign(ctx, api.SignRequest{
		Identity: n.Identity.String(), Key: string(request), Hosts: n.Hosts, Life: ttlSeconds(n.Life), Replace: n.Replace,
	})
	if err != nil {
		return made, err
	}
	if err := os.Rename(fresh, made.key); err != nil {
		return made, err
	}
	return made, a.writeSigned(signed, made)
}

// writeSigned writes a certificate and its authorities.
func (a Admin) writeSigned(signed api.Certificate, made madeFiles) error {
	for _, file := range []struct{ path, text string }{
		{made.certificate, signed.Certificate}, {made.authorities, signed.Authorities},
	} {
		if err := writeNew(file.path, []byte(file.text), 0o644); err != nil {
			return err
		}
	}
	a.Log.Notice("wrote the certificate of %s to %s, and the authorities that its owner must trust to %s", signed.Identity, made.certificate, made.authorities)
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
