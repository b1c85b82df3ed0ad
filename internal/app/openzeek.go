package app

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

func openZeek(set settings.Agent, install zeek.Install, user *proc.User, listening string, log *slog.Logger) (launch.Launcher, error) {
	agentAddr, err := netip.ParseAddrPort(listening)
	if err != nil {
		return nil, fmt.Errorf("tell nodes where the agent listens: %w", err)
	}
	secret, err := readSecret(set.Zeek.SecretFile)
	if err != nil {
		return nil, err
	}
	// The configuration can choose either backend.
	zeroMQ, err := launch.OpenZeroMQState(filepath.Join(set.Directory, "zeromq.json"), log)
	if err != nil {
		return nil, err
	}
	broker, err := launch.OpenBrokerState(filepath.Join(set.Directory, "broker.json"), log)
	if err != nil {
		return nil, err
	}
	last, err := launch.OpenLastBackend(filepath.Join(set.Directory, "backend.json"), log)
	if err != nil {
		return nil, err
	}
	return launch.NewZeek(launch.ZeekConfig{
		Install:       install,
		Backend:       zeek.Backend(unlessAuto(set.Zeek.Backend)),
		NodeScript:    scriptChoice(set.Zeek.NodeScript),
		AgentProtocol: zeek.AgentProtocol(unlessAuto(set.Zeek.Transport)),
		Site: zeek.Site{
			StateDir:         set.StateDir,
			SpoolDir:         set.SpoolDir,
			AgentAddr:        agentAddr,
			BrokerTLS:        nodeTLS(set),
			AgentTLS:         set.Transport == settings.TransportTLS,
			ListenAddr:       set.Zeek.ListenAddr,
			MetricsAddr:      set.Zeek.MetricsAddr,
			ZeroMQ:           zeek.ZeroMQSite{XPubPort: set.Zeek.XPubPort, XSubPort: set.Zeek.XSubPort, Curve: secret.curve},
			HashSeed:         secret.hashSeed,
			RotationInterval: set.Zeek.Rotation,
			Args:             set.Zeek.Args,
			Prefixes:         set.Zeek.Prefixes,
			ScriptPath:       set.Zeek.ScriptPath,
			PluginPath:       set.Zeek.PluginPath,
			Environ:          os.Environ(),
		},
		ZeroMQ:       zeroMQ,
		LastBackend:  last,
		NoCurve:      set.Zeek.Curve == settings.Off,
		Broker:       broker,
		NoBrokerTLS:  set.Zeek.BrokerTLS == settings.Off,
		AgentShows:   showsNodesCertificate(set),
		Programs:     programConfig(set, user, listening),
		RecordDir:    filepath.Join(set.Directory, "launches"),
		GeneratedDir: filepath.Join(set.Directory, "generated"),
		Stdout:       set.StdoutFile,
		Stderr:       set.StderrFile,
		User:         user,
		Limits:       proc.Limits{MemoryBytes: set.Zeek.MemoryLimit},
	}), nil
}

// showsNodesCertificate reports whether the agent can show its nodes a certificate of
// their authority: it has none of its own, and its nodes may use TLS.
func showsNodesCertificate(set settings.Agent) bool {
	return set.TLS.Cert == "" && set.Joined == "" && set.Transport != settings.TransportPlain
}

// clusterSecret has the keys that are derived from the secret of a cluster. All hosts
// of a cluster share the secret. Without a secret, a clusterSecret is zero.
type clusterSecret struct {
	hashSeed string
	curve    *zeek.CurveKeys
}

// Bounds of a secret file, in bytes.
const (
	minSecret = 16
	maxSecret = 4 << 10
)

// readSecret reads the file with the cluster's secret. It ignores blanks at both ends,
// because some editors add a newline.
func readSecret(path string) (clusterSecret, error) {
	if path == "" {
		return clusterSecret{}, nil
	}
	text, err := readPrivate(path)
	if err != nil {
		return clusterSecret{}, fmt.Errorf("read the cluster's secret (--zeek-secret-file): %w", err)
	}
	key := bytes.TrimSpace(text)
	if len(key) < minSecret {
		return clusterSecret{}, fmt.Errorf("read the cluster's secret (--zeek-secret-file): %s has less than %d bytes", path, minSecret)
	}
	seed := derive(key, "zeek hash seed", 16)
	curve, err := zeek.NewCurveKeys(bytes.NewReader(derive(key, "zeromq curve keys", 64)))
	return clusterSecret{hex.EncodeToString(seed), &curve}, err
}

// readPrivate reads a file. It refuses a file that every user can read or write.
func readPrivate(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("%s can be used by everyone; take that away with chmod o-rwx", path)
	}
	return io.ReadAll(io.LimitReader(f, maxSecret))
}

func derive(key []byte, purpose string, size int) []byte {
	out, err := hkdf.Key(sha256.New, key, nil, purpose, size)
	if err != nil {
		panic(fmt.Sprintf("app: derive %s: %v", purpose, err)) // the size is a small constant
	}
	return out
}
