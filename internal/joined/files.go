package joined

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// Dir is the directory of an agent's credentials. Its file joined.json has all of
// them, so that they are replaced at once. The other files are made from that one, for
// Zeek, which reads the nodes' files, and for people. After a crash, Repair makes them
// again.
type Dir string

// DirIn returns the directory of the credentials below a state directory.
func DirIn(stateDir string) Dir { return Dir(filepath.Join(stateDir, "identity")) }

// The names of the files. Those of nodes are for Zeek.
const (
	mainFile            = "joined.json"
	pendingFile         = "request.json"
	NodeCertificateFile = "nodes.pem"
	NodeKeyFile         = "nodes.key"
	// NodeAuthoritiesFile has the authorities of nodes. NodeAndAgentAuthoritiesFile also
	// has those of agents: a node before Zeek 8.1 speaks Broker with its agent as well.
	AgentKeyFile                = "agent.key"
	NodeAuthoritiesFile         = "nodes-authorities.pem"
	NodeAndAgentAuthoritiesFile = "nodes-and-agent-authorities.pem"
)

// maxFile bounds each file, in bytes.
const maxFile = 1 << 20

// ErrNone says that there are no credentials: the agent has not joined a cluster.
var ErrNone = errors.New("this agent has not joined a cluster")

// Path returns the path of one of the files.
func (d Dir) Path(name string) string { return filepath.Join(string(d), name) }

// File returns the path of the file with the credentials.
func (d Dir) File() string { return d.Path(mainFile) }

// Load reads the credentials, and checks them. It returns ErrNone if there are none.
func (d Dir) Load() (*Held, error) {
	text, err := d.read(mainFile)
	if err != nil {
		return nil, err
	}
	c, err := decodeCredentials(text)
	var h *Held
	if err == nil {
		h, err = c.Use()
	}
	if err != nil {
		return nil, fmt.Errorf("read the agent's credentials %s: %w", d.Path(mainFile), err)
	}
	return h, nil
}

// read reads one of the files with secrets. It returns ErrNone if there is no such file.
func (d Dir) read(name string) ([]byte, error) {
	info, err := os.Lstat(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("read the agent's credentials: only root and the agent's own user may look into %s: run this command as that user, or give another --state-dir", filepath.Dir(string(d)))
	}
	if err == nil {
		err = d.private(info)
	}
	if err != nil {
		return nil, fmt.Errorf("read the agent's credentials: %w", err)
	}
	text, err := durable.ReadRegular(d.Path(name), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("read the agent's credentials: %w", err)
	}
	return text, nil
}

// private returns an error unless the directory is one that nobody else can use.
func (d Dir) private(info fs.FileInfo) error {
	owner, known := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", string(d))
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("other users can use %s: take that away with chmod 700", string(d))
	case known && owner.Uid != 0 && os.Geteuid() != 0 && int(owner.Uid) != os.Geteuid(): // root may look at everybody's
		return fmt.Errorf("%s belongs to user %d, and this program runs as user %d", string(d), owner.Uid, os.Geteuid())
	}
	return nil
}

// Save makes c the credentials. After a crash at any moment, Load returns the old or
// the new ones. The directory is made if there is none.
func (d Dir) Save(c Credentials) error {
	held, err := c.Use()
	if err == nil {
		err = d.put(mainFile, c.encode())
	}
	if err == nil {
		err = d.Repair(held)
	}
	if err != nil {
		return fmt.Errorf("save the agent's credentials: %w", err)
	}
	return nil
}

// Renew makes next the credentials in place of old. It returns an error if there are
// others by now, because somebody has joined anew.
func (d Dir) Renew(old, next Credentials) error {
	text, err := d.read(mainFile)
	if err != nil {
		return err
	}
	// The file may be of an older form.
	if now, err := decodeCredentials(text); err != nil || !bytes.Equal(now.encode(), old.encode()) {
		return fmt.Errorf("save the agent's credentials: %s was changed by another program; start this agent again", d.Path(mainFile))
	}
	return d.Save(next)
}

// put replaces a file. It makes the directory if there is none.
func (d Dir) put(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(string(d)), 0o755); err != nil {
		return err
	}
	switch err := os.Mkdir(string(d), 0o700); {
	case err == nil:
		if err := durable.SyncDir(filepath.Dir(string(d))); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	info, err := os.Lstat(string(d))
	if err == nil {
		err = d.private(info)
	}
	if err == nil {
		// Root may look at everybody's, and yet give its keys to nobody.
		err = durable.CheckOwnDir(string(d))
	}
	if err != nil {
		return err
	}
	return durable.Replace(d.Path(name), d.Path(name+".new"), text)
}

// Repair makes the files for Zeek and for people again where they are not those of the
// credentials.
func (d Dir) Repair(h *Held) error {
	both := identity.CertPEM(slices.Concat(h.NodesTrusted, h.Trusted)...)
	if len(h.NodeCertificate) == 0 {
		both = nil
	}
	for _, f := range []struct {
		name string
		text []byte
	}{
		// The nodes' key stays the same while the agent is a member. So a node that starts
		// now reads a key and a certificate that belong together.
		{NodeKeyFile, h.NodeKey}, {NodeCertificateFile, h.NodeCertificate}, {NodeAuthoritiesFile, h.NodeAuthorities},
		{NodeAndAgentAuthoritiesFile, both},
		{AgentKeyFile, h.Key}, {"agent.pem", h.Certificate}, {"authorities.pem", h.Authorities},
	} {
		if err := d.repair(f.name, f.text); err != nil {
			return fmt.Errorf("write %s: %w", d.Path(f.name), err)
		}
	}
	return nil
}

// repair replaces a file unless it has this text already. A file without text is
// removed.
func (d Dir) repair(name string, text []byte) error {
	if len(text) == 0 {
		if err := os.Remove(d.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if now, err := durable.ReadRegular(d.Path(name), maxFile); err == nil && bytes.Equal(now, text) {
		return nil
	}
	return d.put(name, text)
}

// SavePending keeps the keys of a request until its answer is installed.
func (d Dir) SavePending(p Pending) error {
	if err := d.put(pendingFile, p.encode()); err != nil {
		return fmt.Errorf("save the keys of the request: %w", err)
	}
	return nil
}

// LoadPending returns the keys of the last request. It returns ErrNone if there is no
// request.
func (d Dir) LoadPending() (Pending, error) {
	text, err := d.read(pendingFile)
	if err != nil {
		return Pending{}, err
	}
	p, err := decodePending(text)
	if err != nil {
		err = fmt.Errorf("read the keys of the request %s: %w", d.Path(pendingFile), err)
	}
	return p, err
}

// ForgetPending removes the keys of a request whose answer was installed.
func (d Dir) ForgetPending() error {
	err := os.Remove(d.Path(pendingFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
