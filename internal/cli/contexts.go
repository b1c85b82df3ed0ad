package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// EnvContext names the context to use instead of the current one.
const EnvContext = "ZEEKFLEET_CONTEXT"

// Context is a controller to which a user has logged in.
type Context struct {
	Name       string
	Controller string // host:port
	// Others are the addresses of further controllers of the cluster.
	Others  []string
	Cluster string
	// User is the user's name at the controller.
	User string
	// Directory holds the user's key and certificates.
	Directory string
	// SSO says that a provider of identities vouches for the user. The certificate cannot
	// be renewed then.
	SSO bool
}

// Contexts are the contexts of a user, in a directory. Several processes may use the
// directory at the same time.
type Contexts struct{ dir string }

// ContextsIn returns the contexts in this directory. The directory need not exist.
func ContextsIn(dir string) *Contexts { return &Contexts{dir} }

// The files of the directory, and of the directory of each context.
const (
	contextsFile    = "contexts.yaml"
	keyFile         = "user.key"
	certificateFile = "user.pem"
	authoritiesFile = "authorities.pem"
)

// ErrNoContext says that there is no context with a name.
var ErrNoContext = errors.New("no such context")

var errNoCurrent = errors.New("there is no current context: zeekfleet context use NAME chooses one, and zeekfleet login makes one")

// List returns the contexts in the order of their names, and the name of the current
// one. The name is empty if there is no current one.
func (s *Contexts) List() (list []Context, current string, err error) {
	f, err := s.load()
	if err != nil {
		return nil, "", err
	}
	for _, c := range f.Contexts {
		list = append(list, s.context(c))
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, f.Current, nil
}

// Find returns the context with this name, or the current one if the name is empty. It
// returns nil if the name is empty and there is no current context.
func (s *Contexts) Find(name string) (*Context, error) {
	f, err := s.load()
	if err != nil {
		return nil, err
	}
	if name == "" && f.Current == "" {
		return nil, nil
	}
	if name == "" {
		name = f.Current
	}
	i, err := f.index(name)
	if err != nil {
		return nil, err
	}
	return new(s.context(f.Contexts[i])), nil
}

// Add stores a context with its key and its certificates, which are PEM texts, and makes
// it the current one. It takes the place of a context with the same name.
func (s *Contexts) Add(c Context, key, cert, authorities []byte) error {
	certs, err := identity.ReadCerts(cert)
	if err != nil {
		return err
	}
	serial := identity.Serial(certs[0])
	entry := contextForm2{c.Name, c.Controller, c.Others, c.Cluster, c.User, c.Name + "-" + serial[:min(len(serial), 8)], c.SSO}
	if err := entry.check(); err != nil {
		return err
	}
	return s.change(func(f *contextsForm2) error {
		if _, err := f.index(c.Name); err != nil && len(f.Contexts) >= MaxContexts {
			return fmt.Errorf("there are %d contexts, which is the most: remove one with zeekfleet logout", MaxContexts)
		}
		dir := filepath.Join(s.dir, entry.Directory)
		if err := writeCredentials(dir, key, cert, authorities); err != nil {
			return err
		}
		f.remove(c.Name)
		f.Contexts = append(f.Contexts, entry)
		f.Current = c.Name
		return nil
	})
}

// writeCredentials writes the files of a new context.
func writeCredentials(dir string, key, cert, authorities []byte) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		text []byte
	}{{keyFile, key}, {certificateFile, cert}, {authoritiesFile, authorities}} {
		path := filepath.Join(dir, file.name)
		if err := durable.Replace(path, path+".new", file.text); err != nil {
			return err
		}
	}
	return nil
}

// Use makes the context with this name the current one.
func (s *Contexts) Use(name string) error {
	return s.change(func(f *contextsForm2) error {
		_, err := f.index(name)
		f.Current = name
		return err
	})
}

// SetControllers changes the addresses of a context's controllers, as host:port.
func (s *Contexts) SetControllers(name, address string, others []string) error {
	return s.change(func(f *contextsForm2) error {
		i, err := f.index(name)
		if err != nil {
			return err
		}
		f.Contexts[i].Controller, f.Contexts[i].Others = address, others
		return f.Contexts[i].check()
	})
}

// Remove removes the context with this name, with its key.
func (s *Contexts) Remove(name string) error {
	return s.change(func(f *contextsForm2) error {
		if _, err := f.index(name); err != nil {
			return err
		}
		f.remove(name)
		if f.Current == name {
			f.Current = ""
		}
		return nil
	})
}

// change changes contexts.yaml. Directories that no context has afterwards are removed.
func (s *Contexts) change(change func(*contextsForm2) error) error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the directory of contexts: %w", err)
	}
	unlock, err := lockDirectory(s.dir, syscall.LOCK_EX)
	if err != nil {
		return fmt.Errorf("lock %s: %w", s.dir, err)
	}
	defer unlock()
	f, err := s.load()
	if err != nil {
		return err
	}
	before := slices.Clone(f.Contexts)
	if err := change(&f); err != nil {
		return err
	}
	text, err := encodeContexts(f)
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, contextsFile)
	if err := durable.Replace(path, path+".new", text); err != nil {
		return fmt.Errorf("save contexts: %w", err)
	}
	for _, c := range before {
		if !slices.ContainsFunc(f.Contexts, func(o contextForm2) bool { return o.Directory == c.Directory }) {
			if err := os.RemoveAll(filepath.Join(s.dir, c.Directory)); err != nil {
				return fmt.Errorf("remove the key of context %s: %w", c.Name, err)
			}
		}
	}
	return nil
}

// lockDirectory locks a directory against other processes. how is syscall.LOCK_EX, and
// may have LOCK_NB.
func lockDirectory(path string, how int) (unlock func(), err error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(d.Fd()), how); err != nil {
		d.Close()
		return nil, err
	}
	return func() { d.Close() }, nil
}

// load reads contexts.yaml. A user without the file has no contexts.
func (s *Contexts) load() (contextsForm2, error) {
	path := filepath.Join(s.dir, contextsFile)
	text, err := durable.ReadRegular(path, maxContextsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return contextsForm2{}, nil
	}
	if err != nil {
		return contextsForm2{}, fmt.Errorf("read contexts: %w", err)
	}
	f, err := decodeContexts(text)
	if err != nil {
		return contextsForm2{}, fmt.Errorf("read contexts: %s: %w", path, err)
	}
	return f, nil
}

func (s *Contexts) context(c contextForm2) Context {
	return Context{c.Name, c.Controller, c.Others, c.Cluster, c.User, filepath.Join(s.dir, c.Directory), c.SSO}
}

// index returns the index of the context with this name.
func (f *contextsForm2) index(name string) (int, error) {
	var names []string
	for i, c := range f.Contexts {
		if c.Name == name {
			return i, nil
		}
		names = append(names, c.Name)
	}
	if near := mgmt.Nearest(name, names); near != "" {
		return -1, fmt.Errorf("%w: %s%s", ErrNoContext, quote(name), didYouMean(near))
	}
	return -1, fmt.Errorf("%w: %s; zeekfleet context lists them, and zeekfleet login makes one", ErrNoContext, quote(name))
}

func (f *contextsForm2) remove(name string) {
	f.Contexts = slices.DeleteFunc(f.Contexts, func(c contextForm2) bool { return c.Name == name })
}
