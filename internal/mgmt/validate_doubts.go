package mgmt

import (
	"slices"
	"strings"
)

// doubts warns of likely mistakes that Zeek accepts.
func (k *checker) doubts() {
	k.prefixes()
	k.hosts()
	k.controllerName()
	if len(k.nodes) > 0 && !slices.ContainsFunc(k.nodes, func(n Node) bool { return n.Role == Manager }) {
		k.doubt("no node has role manager")
	}
}

// prefixes warns of an instance whose name begins the name of another instance.
// Topics match by prefix. So Zeek's agent of the shorter name also acts on messages
// for the longer name (spec management-api 7.1, G-P1).
func (k *checker) prefixes() {
	for i := 1; i < len(k.instances); i++ {
		short, long := string(k.instances[i-1].Name), string(k.instances[i].Name)
		if short != long && strings.HasPrefix(long, short) {
			k.doubt("instance name '%s' is a prefix of '%s'", short, long)
		}
	}
}

// hosts warns of hosts that the controller or other instances cannot reach (spec
// management-api 7.3, G-C17).
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
