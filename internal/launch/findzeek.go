package launch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// ErrNoZeek says that no executable of Zeek was found.
var ErrNoZeek = errors.New("no Zeek was found")

// helpTimeout bounds the run of an executable that is asked what it is.
const helpTimeout = 10 * time.Second

// FindZeek returns the installation that belongs to given, or the one that is
// found where there is nothing given: in PATH, then below common prefixes. It
// executes Zeek once. Where the search cannot look, there is none. The error is ErrNoZeek if there is no such file; one that
// is there and is no usable Zeek is another error, for nothing else is tried.
func FindZeek(ctx context.Context, given string, environ []string) (zeek.Install, error) {
	for _, path := range zeek.Candidates(given, variable(environ, "PATH")) {
		info, err := os.Stat(path)
		unseen := errors.Is(err, fs.ErrNotExist) || err != nil && !strings.Contains(given, "/")
		if unseen || err == nil && (info.IsDir() || info.Mode()&0o111 == 0) {
			continue
		}
		return askZeek(ctx, path, environ)
	}
	if given != "" {
		return zeek.Install{}, fmt.Errorf("%w: %s (--zeek) is no executable file", ErrNoZeek, given)
	}
	return zeek.Install{}, fmt.Errorf("%w in PATH nor below a common prefix; name it with --zeek", ErrNoZeek)
}

// variable returns a variable's value in an environment.
func variable(environ []string, name string) string {
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// askZeek has an executable tell what installation it belongs to.
func askZeek(ctx context.Context, path string, environ []string) (zeek.Install, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, helpTimeout, fmt.Errorf("it took longer than %v", helpTimeout))
	defer cancel()
	argv := zeek.HelpArgv(path)
	said := &head{limit: zeek.MaxHelp}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = zeek.HelpEnv(environ), said, said
	cmd.WaitDelay = time.Second
	runErr := cmd.Run() // its exit code says nothing: older ones end with 1
	if cause := context.Cause(ctx); cause != nil {
		return zeek.Install{}, fmt.Errorf("run %s --help: %w", path, cause)
	}
	install, err := zeek.ParseHelp(path, said.text.String())
	if err != nil {
		if _, ended := errors.AsType[*exec.ExitError](runErr); runErr != nil && !ended {
			return install, fmt.Errorf("run %s --help: %w", path, runErr)
		}
		if runErr != nil {
			return install, fmt.Errorf("%w (%v)", err, runErr)
		}
		return install, err
	}
	_, err = install.Version.Check()
	return install, err
}

// head keeps the beginning of what is written to it.
type head struct {
	text  bytes.Buffer
	limit int
}

func (h *head) Write(p []byte) (int, error) {
	h.text.Write(p[:min(len(p), h.limit-h.text.Len())])
	return len(p), nil
}
