package up

import (
	"context"
	"io"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// How long the parts may take to end.
const (
	stopGrace    = 5 * time.Second  // a node, before it is killed
	stopDeadline = 30 * time.Second // everything
	// sayAfter is when the person is told which nodes have yet to end. Until then
	// another Ctrl-C does not count: some programs send each signal to a process
	// and to its group.
	sayAfter = time.Second
)

// Config is a cluster on this host.
type Config struct {
	Controller settings.Controller
	Agent      settings.Agent
	// Cluster is what is to run. Nil means what was deployed last, or else the
	// default cluster.
	Cluster *client.Configuration
	// Source says in messages where the cluster is from.
	Source string
	// Program is the command by which this program is called again, and Crashes
	// the command that shows more of a crash. Messages suggest both.
	Program, Crashes string
	// Began is when the person began to wait.
	Began time.Time
	// Out takes what is shown, Err what went wrong.
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
