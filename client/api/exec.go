package api

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// ExecRequest asks a host to run a command.
type ExecRequest struct {
	Argv []string `json:"argv" minItems:"1" maxItems:"32" nullable:"false" doc:"The absolute path of the program, and its arguments. The host must list it in agent.exec." example:"[\"/usr/sbin/ethtool\",\"-S\",\"eth0\"]"`
}

// ExecResult is what became of a command.
type ExecResult struct {
	Instance string  `json:"instance"`
	Exit     int     `json:"exit" doc:"The exit status; -1 if the command did not end by itself."`
	Failure  string  `json:"failure,omitempty" doc:"Why it did not."`
	Output   string  `json:"output,omitempty" doc:"What it has printed, both outputs together."`
	Cut      bool    `json:"cut,omitempty" doc:"Whether it has printed more."`
	User     string  `json:"user,omitempty" doc:"The user as whom it ran."`
	Seconds  float64 `json:"seconds" doc:"How long it ran."`
}

// HostSettings are settings of the kernel and of the network cards of a host.
type HostSettings struct {
	Instance string            `json:"instance"`
	Files    map[string]string `json:"files" nullable:"false" doc:"What the kernel shows, by path."`
	// Cards has the settings and the counters of each network card.
	Cards map[string]map[string]string `json:"cards" nullable:"false" doc:"The settings and the counters of each network card."`
	More  int                          `json:"more,omitempty" doc:"How many cards were left out."`
}

// execWait is how long a command may run, and a little more.
const execWait = 60 * time.Second

// Exec runs a command on the host of an instance.
func (c Machines) Exec(ctx context.Context, instance string, argv []string) (r ExecResult, err error) {
	return r, c.do(ctx, request{
		method: http.MethodPost, path: PathInstances + "/" + url.PathEscape(instance) + "/exec", in: ExecRequest{Argv: argv}, wait: execWait,
	}, &r)
}

// HostSettings returns settings of the kernel and of the network cards of a host.
func (c Machines) HostSettings(ctx context.Context, instance string) (s HostSettings, err error) {
	return s, c.get(ctx, PathInstances+"/"+url.PathEscape(instance)+"/settings", &s)
}
