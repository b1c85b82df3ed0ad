package launch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/run"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// ErrNoZeek says that no executable of Zeek was found.
var ErrNoZeek = errors.New("no Zeek was found")

// helpTimeout bounds the runs of Zeek that ask it what it is.
const helpTimeout = 10 * time.Second

// FindZeek returns the Zeek installation of the executable given. If given is empty,
// it searches PATH and then common prefixes. It runs the first executable that it
// finds, and asks it what it is and what it has. The error is ErrNoZeek if there is no executable. It is
// another error if the executable is no usable Zeek; FindZeek then searches no
// further. A file that cannot be accessed counts as missing, unless given is its
// path. Zeek runs as that user; nil means that of this process.
func FindZeek(ctx context.Context, given string, environ []string, as *syscall.Credential) (zeek.Install, error) {
	for _, path := range zeek.Candidates(given, variable(environ, "PATH")) {
		info, err := os.Stat(path)
		unseen := errors.Is(err, fs.ErrNotExist) || err != nil && !strings.Contains(given, "/")
		if unseen || err == nil && (info.IsDir() || info.Mode()&0o111 == 0) {
			continue
		}
		return askZeek(ctx, path, environ, as)
	}
	if given != "" {
		return zeek.Install{}, fmt.Errorf("%w: %s (--zeek) is no executable file", ErrNoZeek, given)
	}
	return zeek.Install{}, fmt.Errorf("%w in PATH nor below a common prefix; name it with --zeek", ErrNoZeek)
}

// variable returns the value of a variable in an environment.
func variable(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// askZeek runs an executable with --help and reads its installation from the output.
func askZeek(ctx context.Context, path string, environ []string, as *syscall.Credential) (zeek.Install, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, helpTimeout, fmt.Errorf("it took longer than %v", helpTimeout))
	defer cancel()
	said := &run.Head{Limit: zeek.MaxHelp}
	// The exit code says nothing: older versions end with 1.
	runErr := run.Program{Argv: zeek.HelpArgv(path), Env: zeek.HelpEnv(environ), Stdout: said, Stderr: said, As: as}.Run(ctx)
	if cause := context.Cause(ctx); cause != nil {
		return zeek.Install{}, fmt.Errorf("run %s --help: %w", path, cause)
	}
	install, err := zeek.ParseHelp(path, said.String())
	if err != nil {
		if _, ended := errors.AsType[*exec.ExitError](runErr); runErr != nil && !ended {
			return install, fmt.Errorf("run %s --help: %w", path, runErr)
		}
		if runErr != nil {
			return install, fmt.Errorf("%w (%v)", err, runErr)
		}
		return install, err
	}
	if _, err = install.Version.Check(); err != nil {
		return install, err
	}
	plugins := ask(ctx, zeek.PluginsArgv(path), environ, as)
	install.Backends, install.LacksAFPacket = zeek.ParsePlugins(install.Version, plugins), zeek.LacksAFPacket(plugins)
	if install.ProbeWanted() {
		install.FreesLogPort = zeek.ParseProbe(ask(ctx, zeek.ProbeArgv(path), environ, as))
	}
	return install, nil
}

// ask returns what an executable prints to stdout. A Zeek that cannot run, such as one
// with a broken plugin, prints less, or nothing. The preflight of a deployment says why.
func ask(ctx context.Context, argv, environ []string, as *syscall.Credential) string {
	said := &run.Head{Limit: zeek.MaxPlugins}
	run.Program{Argv: argv, Env: zeek.HelpEnv(environ), Stdout: said, Stderr: io.Discard, As: as}.Run(ctx)
	return said.String()
}
