package mgmt

import (
	"slices"
	"strings"
)

// doubts warns of what Zeek accepts, and what may be meant.
func (k *checker) doubts() {
	k.prefixes()
	k.hosts()
	k.controllerName()
	if len(k.nodes) > 0 && !slices.ContainsFunc(k.nodes, func(n Node) bool { return n.Role == Manager }) {
		k.doubt("no node has role manager")
	}
}

// prefixes warns of one instance for each that has a longer namesake: topics
// match by prefix, so that a Zeek agent also acts on what is meant for the other
// (spec management-api 7.1, G-P1).
func (k *checker) prefixes() {
	for i := 1; i < len(k.instances); i++ {
		short, long := string(k.instances[i-1].Name), string(k.instances[i].Name)
		if short != long && strings.HasPrefix(long, short) {
			k.doubt("instance name '%s' is a prefix of '%s'", short, long)
		}
	}
}

// hosts warns of hosts that others cannot reach (spec management-api 7.3,
// G-C17).
func (k *checker) hosts() {
	remote := slices.ContainsFunc(k.instances, func(in Instance) bool {
		return KnownHost(in.Host) && !in.Host.IsLoopback()
	})
	for _, in := range k.instances {
		switch {
		case !KnownHost(in.Host) && in.ListenPort != nil:
			k.doubt("instance '%s' has a port to connect to but no host", in.Name)
		case in.Host.IsLoopback() && remote:
			k.doubt("instance '%s' has host %s, which other instances cannot reach", in.Name, in.Host)
		}
	}
}

func (k *checker) controllerName() {
	name := k.rules.Controller.Name
	if name == "" {
		return
	}
	if k.declared[InstanceName(name)] > 0 {
		k.doubt("instance '%s' has the controller's name", name)
	}
}
