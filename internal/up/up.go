package up

import (
	"context"
	"io"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// The times for the end.
const (
	// stopGrace is the time that a node has to end before it is killed.
	stopGrace = 5 * time.Second
	// stopDeadline is the time that all nodes have to end.
	stopDeadline = 30 * time.Second
	// sayAfter is the time after which Run names the nodes that still run. It ignores
	// another Ctrl-C until then: some programs send each signal both to a process and
	// to its group.
	sayAfter = time.Second
)

// Config describes a cluster on this host.
type Config struct {
	Controller settings.Controller
	Agent      settings.Agent
	// Cluster is the configuration to deploy. Nil means the configuration that was
	// deployed last. If none was, it means the default cluster.
	Cluster *client.Configuration
	// Source names the origin of the cluster in messages.
	Source string
	// Program is the command that runs this program, and Crashes the command that
	// shows more about a crash. Messages suggest both to the user.
	Program, Crashes string
	// Version is the program's version.
	Version string
	// Began is when the user started the command.
	Began time.Time
	// Out gets what is shown to the user, Err gets errors.
	Out, Err io.Writer
}

// Run runs a whole cluster on this host until ctx is done or a part fails, and then
// stops everything.
func Run(ctx context.Context, cfg Config) error {
	c, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.log.Close()
	return c.run(ctx)
}
