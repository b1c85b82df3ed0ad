package node

import "fmt"

// The variables with which zeekfleet's agent tells a program that it has started (command
// in the cluster file) how to be its node.
const (
	envName      = "CLUSTER_NODE"
	envAgent     = "ZEEKFLEET_NODE_AGENT"
	envTopic     = "ZEEKFLEET_NODE_TOPIC"
	envTransport = "ZEEKFLEET_NODE_TRANSPORT"
)

// FromEnvironment returns the Config of a node that an agent has started with the command of
// the node's section in the cluster file. lookup is os.LookupEnv. It returns an error if no
// agent has started the program.
func FromEnvironment(lookup func(name string) (value string, ok bool)) (Config, error) {
	get := func(name string) string {
		value, _ := lookup(name)
		return value
	}
	c := Config{Name: get(envName), Agent: get(envAgent), Topic: get(envTopic)}
	if c.Name == "" || c.Agent == "" {
		return Config{}, fmt.Errorf("no agent has started this program as a node: %s or %s is not set", envName, envAgent)
	}
	switch transport := get(envTransport); transport {
	case "", "auto":
	case "plain":
		c.DisableTLS = true
	case "tls":
		c.RequireTLS = true
	default:
		return Config{}, fmt.Errorf("%s is %.40q, not auto, tls or plain", envTransport, transport)
	}
	return c, nil
}
