package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

// contextsForm is the newest form of contexts.yaml.
const contextsForm = 2

// contextsForm2 is form 2 of contexts.yaml. Form 1 has no others.
type contextsForm2 struct {
	Version  int            `yaml:"version"`
	Current  string         `yaml:"current,omitempty"`
	Contexts []contextForm2 `yaml:"contexts"`
}

type contextForm2 struct {
	Name       string `yaml:"name"`
	Controller string `yaml:"controller"` // host:port
	// Others are the addresses of further controllers of the cluster.
	Others  []string `yaml:"others,omitempty"`
	Cluster string   `yaml:"cluster"`
	User    string   `yaml:"user"`
	// Directory holds the key and the certificates. Its path begins in the directory of
	// contexts.yaml.
	Directory string `yaml:"directory"`
	SSO       bool   `yaml:"sso,omitempty"`
}

// MaxContexts bounds the contexts of a user.
const MaxContexts = 1000

// maxContextsFile bounds contexts.yaml, in bytes.
const maxContextsFile = 1 << 20

// contextName is the form of a context's name. The name of its directory begins with it.
var (
	contextName      = lazy.Regexp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	contextDirectory = lazy.Regexp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$`)
)

// CheckContextName returns an error if a context cannot have this name.
func CheckContextName(name string) error {
	if !contextName().MatchString(name) {
		return fmt.Errorf("%s cannot be the name of a context: use letters, digits, hyphens, dots and underscores, at most 64", quote(name))
	}
	return nil
}

// decodeContexts reads the text of contexts.yaml.
func decodeContexts(text []byte) (contextsForm2, error) {
	var head struct {
		Version int `yaml:"version"`
	}
	if err := yaml.Unmarshal(text, &head); err != nil {
		return contextsForm2{}, err
	}
	if head.Version > contextsForm {
		return contextsForm2{}, &form.NewerError{Form: head.Version, Known: contextsForm}
	}
	if head.Version < 1 {
		return contextsForm2{}, errors.New("its version is missing")
	}
	var f contextsForm2
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		return contextsForm2{}, err
	}
	if head.Version == 1 && f.several() {
		return contextsForm2{}, errors.New("contexts with several controllers are of version 2")
	}
	return f, f.check()
}

// several reports whether a context has several controllers.
func (f contextsForm2) several() bool {
	return slices.ContainsFunc(f.Contexts, func(c contextForm2) bool { return len(c.Others) > 0 })
}

// encodeContexts returns the text of contexts.yaml. It is of form 1 if that has all there is:
// earlier programs read it.
func encodeContexts(f contextsForm2) ([]byte, error) {
	f.Version = 1
	if f.several() {
		f.Version = contextsForm
	}
	return yaml.Marshal(f)
}

// check returns an error if an entry is wrong. A person may have edited the file.
func (f contextsForm2) check() error {
	if len(f.Contexts) > MaxContexts {
		return fmt.Errorf("there are more than %d contexts", MaxContexts)
	}
	for i, c := range f.Contexts {
		if err := c.check(); err != nil {
			return fmt.Errorf("context %d: %w", i+1, err)
		}
		same := func(o contextForm2) bool { return o.Name == c.Name }
		if slices.IndexFunc(f.Contexts, same) != i {
			return fmt.Errorf("there are two contexts %s", quote(c.Name))
		}
	}
	return nil
}

func (c contextForm2) check() error {
	if err := CheckContextName(c.Name); err != nil {
		return err
	}
	if len(c.Others) >= api.MaxAddresses {
		return fmt.Errorf("there are more than %d controllers", api.MaxAddresses)
	}
	for _, address := range append([]string{c.Controller}, c.Others...) {
		host, port, err := net.SplitHostPort(address)
		if n, bad := strconv.Atoi(port); err != nil || bad != nil || host == "" || n < 1 || n > 65535 {
			return fmt.Errorf("controller %s should be <host>:<port>", quote(address))
		}
	}
	if err := identity.CheckName(c.User); err != nil {
		return fmt.Errorf("user: %w", err)
	}
	if c.Cluster == "" {
		return errors.New("the cluster is missing")
	}
	if !contextDirectory().MatchString(c.Directory) {
		return fmt.Errorf("directory %s is not the name of a directory", quote(c.Directory))
	}
	return nil
}
