package mgmt

import "slices"

// portAt is a port at a place.
type portAt struct {
	place place
	port  Port
}

// ports refuses ports that are no TCP ports, and ports that are used twice.
func (k *checker) ports() {
	k.possiblePorts()
	agents := k.agentPorts()
	for _, n := range k.nodes {
		if n.Port != nil {
			k.brokerPort(n, agents)
		}
	}
	listeners := k.sharedPorts("port", func(n Node) *Port { return n.Port })
	k.sharedPorts("metrics port", func(n Node) *Port { return n.MetricsPort })
	for _, n := range k.nodes {
		if n.MetricsPort != nil {
			k.metricsPort(n, agents, listeners)
		}
	}
}

func (k *checker) possiblePorts() {
	check := func(kind, name, what string, p *Port) {
		if p != nil && (p.Number == 0 || p.Proto != TCP) {
			k.refuse("%s '%s' %s %s is not a TCP port from 1 to 65535", kind, name, what, *p)
		}
	}
	for _, in := range k.instances {
		check("instance", string(in.Name), "port", in.ListenPort)
	}
	for _, n := range k.nodes {
		check("node", string(n.Name), "port", n.Port)
		check("node", string(n.Name), "metrics port", n.MetricsPort)
	}
}

// agentPorts returns the agents that listen on each port. It refuses an agent whose
// port is also the port of another agent, or of the controller, on the same machine.
func (k *checker) agentPorts() map[portAt][]InstanceName {
	agents := make(map[portAt][]InstanceName)
	add := func(at place, in Instance) {
		if in.ListenPort == nil {
			return
		}
		key := portAt{at, *in.ListenPort}
		if !slices.Contains(agents[key], in.Name) {
			agents[key] = append(agents[key], in.Name)
		}
	}
	for _, in := range k.instances {
		add(k.places.of(in.Name), in)
	}
	for key, names := range agents {
		if len(names) > 1 {
			k.refuse("multiple instances on host %s using port %s", key.place.machine, key.port)
		}
		for _, p := range k.controllerPorts(key.place) {
			if p.port == key.port {
				k.refuse("instance '%s' port %s conflicts with %s port", names[0], key.port, p.name)
			}
		}
	}
	for _, in := range k.rules.Agents {
		if m := k.places.machine(in.Host); m.IsValid() && k.declared[in.Name] == 0 {
			add(place{machine: m}, in)
		}
	}
	return agents
}

// controllerPorts returns the controller's ports if it is at the place.
func (k *checker) controllerPorts(at place) []controllerPort {
	if at.machine != controllerMachine {
		return nil
	}
	return k.rules.Controller.ports()
}

// brokerPort refuses a node's Broker port that an agent or the controller uses on
// the same machine. Zeek refuses the controller's Broker port on every machine, and
// so does brokerPort.
func (k *checker) brokerPort(n Node, agents map[portAt][]InstanceName) {
	at := k.places.of(n.Instance)
	for _, instance := range agents[portAt{at, *n.Port}] {
		k.refuse("node '%s' port %s conflicts with agent port on instance '%s'", n.Name, *n.Port, instance)
	}
	if *n.Port == k.rules.Controller.Broker {
		k.refuse("node '%s' port %s conflicts with controller port", n.Name, *n.Port)
	}
	for _, p := range k.controllerPorts(at) {
		if *n.Port == p.port && p.port != k.rules.Controller.Broker {
			k.refuse("node '%s' port %s conflicts with %s port", n.Name, *n.Port, p.name)
		}
	}
}

func (k *checker) metricsPort(n Node, agents map[portAt][]InstanceName, listeners map[portAt][]Node) {
	key := portAt{k.places.of(n.Instance), *n.MetricsPort}
	for _, instance := range agents[key] {
		k.refuse("node '%s' metrics port %s conflicts with agent port on instance '%s'", n.Name, key.port, instance)
	}
	for _, p := range k.controllerPorts(key.place) {
		if p.port == key.port {
			k.refuse("node '%s' metrics port %s conflicts with %s port", n.Name, key.port, p.name)
		}
	}
	if others := listeners[key]; len(others) > 0 {
		k.refuse("node '%s' metrics port %s conflicts with port of node '%s'", n.Name, key.port, others[0].Name)
	}
}

// sharedPorts refuses ports that several nodes of one instance, or of one host,
// use. It returns the nodes by their port.
func (k *checker) sharedPorts(what string, port func(Node) *Port) map[portAt][]Node {
	users := make(map[portAt][]Node)
	for _, n := range k.nodes {
		if p := port(n); p != nil {
			key := portAt{k.places.of(n.Instance), *p}
			users[key] = append(users[key], n)
		}
	}
	for key, nodes := range users {
		perInstance := make(map[InstanceName]int)
		for _, n := range nodes {
			perInstance[n.Instance]++
		}
		for instance, count := range perInstance {
			if count > 1 {
				k.refuse("multiple nodes on instance '%s' using %s %s", instance, what, key.port)
			}
		}
		if len(perInstance) > 1 {
			k.refuse("multiple nodes on host %s using %s %s", key.place.machine, what, key.port)
		}
	}
	return users
}
