package settings

import (
	"fmt"
	"log/slog"
	"strconv"
)

// Joined are the settings of an agent that follow from its joining a cluster. They
// stand between the configuration file and the defaults. The zero value is that of an
// agent that has not joined.
type Joined struct {
	// Dir is the directory of the agent's credentials. File is the file with them, for
	// messages.
	Dir, File string
	// Name is the name of the instance. ControllerHost and ControllerPort are where the
	// agent dials its controller.
	Name           string
	ControllerHost string
	ControllerPort uint16
}

// Joining has the settings that count when an agent joins a cluster.
type Joining struct {
	StateDir string
	// Name is the name that somebody gave to the agent. It is empty if nobody did.
	Name     string
	LogLevel slog.Level
}

// ResolveJoining returns the settings for joining. It returns an error if a setting
// contradicts the certificate that the agent will get.
func ResolveJoining(src Sources) (Joining, error) {
	var a Agent
	r, err := resolve(src, agentTable(src, new(parts)), &a)
	if err != nil {
		return Joining{}, err
	}
	switch {
	case a.TLS.Cert != "":
		return Joining{}, fmt.Errorf("--join: tls.cert from %s, but an agent that joins a cluster gets its certificate from there: remove that setting", r.from("tls.cert"))
	case a.Transport == TransportPlain:
		return Joining{}, fmt.Errorf("--join: with transport plain from %s, a certificate has no effect: remove that setting", r.from("transport"))
	}
	j := Joining{StateDir: a.StateDir, LogLevel: a.LogLevel}
	if r.from("agent.name") != originDefault {
		j.Name = a.Name
	}
	return j, nil
}

// AgentStateDir returns the state directory of an agent with these sources. It does not
// check the other settings.
func AgentStateDir(src Sources) (string, error) {
	f, err := src.file()
	if err != nil {
		return "", err
	}
	var a Agent
	for _, s := range agentTable(src, new(parts)) {
		if s.key != "state_dir" {
			continue
		}
		text, origin := s.find(src, f)
		if err := s.field(&a).parse(text); err != nil {
			return "", fmt.Errorf("%s: %q from %s is %w", s.key, text, origin, err)
		}
	}
	return a.StateDir, nil
}

// joined returns what Sources.Joined says of the agent.
func (s Sources) joined() (Joined, error) {
	if s.Joined == nil {
		return Joined{}, nil
	}
	dir, err := AgentStateDir(s)
	if err != nil {
		return Joined{}, err
	}
	return s.Joined(dir)
}

// fill makes what follows from joining the defaults of the settings.
func (j Joined) fill(table []setting[Agent]) []setting[Agent] {
	if j.Dir == "" {
		return table
	}
	known := map[string]string{
		"agent.name":               j.Name,
		"agent.controller_address": j.ControllerHost,
		"agent.controller_port":    strconv.Itoa(int(j.ControllerPort)),
	}
	for i, s := range table {
		if text, ok := known[s.key]; ok {
			table[i].initial, table[i].initialFrom = text, j.origin()
		}
	}
	return table
}

// originJoined begins the origin of what follows from joining.
const originJoined = "joined "

func (j Joined) origin() string { return originJoined + j.File }

// check returns an error if other settings contradict the agent's certificate. The
// address of the controller may be another: the controller proves who it is.
func (j Joined) check(a Agent, o origins) error {
	switch {
	case j.Dir == "":
		return nil
	case a.Name != j.Name:
		return fmt.Errorf("agent.name: %q from %s, but this agent has joined as %q (%s): remove that setting, or join again with --join, a token for the other name, and --replace",
			a.Name, o.from("agent.name"), j.Name, j.File)
	case a.TLS.Cert != "":
		return fmt.Errorf("tls.cert from %s, but this agent has joined a cluster and has its certificate from there (%s): remove that setting, or the directory %s",
			o.from("tls.cert"), j.File, j.Dir)
	case a.Transport == TransportPlain:
		return fmt.Errorf("with transport plain from %s, the certificate of this agent (%s) has no effect: remove that setting", o.from("transport"), j.File)
	}
	return nil
}
