package daemon

import (
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// sharedConfigs are the latest configurations that went to agents and clients, as
// values. Every agent gets the whole configuration of a deployment, and many clients
// ask for it: its value is made once.
type sharedConfigs struct {
	made [2]sharedConfig // the staged and the deployed one
	next int
}

type sharedConfig struct {
	config mgmt.Configuration
	value  zval.Value
	shared bool // share was called
}

// sharedNodes is the number of nodes from which on the value of a configuration is
// kept.
const sharedNodes = 256

// encode returns msg as an event. It calls share with each value that it keeps and
// that clients get.
func (s *sharedConfigs) encode(msg mgmt.Message, share func(zval.Value)) zval.Value {
	config, bare, place := withoutConfig(msg)
	if len(config.Nodes) < sharedNodes {
		return codec.Encode(msg)
	}
	made := s.find(config)
	if made == nil {
		made = &s.made[s.next]
		*made = sharedConfig{config: config, value: bus.Encoded(valueAt(codec.Encode(msg), place))}
		s.next = (s.next + 1) % len(s.made)
	}
	if _, toClient := msg.(mgmt.GetConfigurationResponse); toClient && !made.shared {
		made.shared = true
		share(made.value)
	}
	return withValueAt(codec.Encode(bare), place, made.value)
}

func (s *sharedConfigs) find(config mgmt.Configuration) *sharedConfig {
	for i := range s.made {
		if s.made[i].is(config) {
			return &s.made[i]
		}
	}
	return nil
}

// is reports whether config has the same memory as the one in s. It does not compare
// the content: a configuration never changes.
func (s sharedConfig) is(config mgmt.Configuration) bool {
	return s.config.ID == config.ID && len(s.config.Nodes) == len(config.Nodes) && &s.config.Nodes[0] == &config.Nodes[0] &&
		len(s.config.Instances) == len(config.Instances)
}

// withoutConfig returns the configuration that msg carries, msg without it, and its
// place in the arguments of the event: an argument, and a field of that argument
// (spec management-api 3.2). The configuration is empty if msg carries none.
func withoutConfig(msg mgmt.Message) (config mgmt.Configuration, bare mgmt.Message, place []int) {
	switch m := msg.(type) {
	case mgmt.AgentDeployRequest:
		config, m.Config = m.Config, mgmt.Configuration{}
		return config, m, []int{1}
	case mgmt.AgentPrepareRequest:
		config, m.Config = m.Config, mgmt.Configuration{}
		return config, m, []int{1}
	case mgmt.AgentPlanRequest:
		config, m.Config = m.Config, mgmt.Configuration{}
		return config, m, []int{1}
	case mgmt.GetConfigurationResponse:
		config, _ = m.Result.Data.(mgmt.Configuration)
		m.Result.Data = nil
		return config, m, []int{1, 3}
	}
	return mgmt.Configuration{}, msg, nil
}

// valueAt returns the value at a place in an event.
func valueAt(event zval.Value, place []int) zval.Value {
	v := zval.Vector(mustParse(event).Args...)
	for _, i := range place {
		v = v.Elems()[i]
	}
	return v
}

// withValueAt returns an event with another value at that place.
func withValueAt(event zval.Value, place []int, value zval.Value) zval.Value {
	e := mustParse(event)
	e.Args = replaced(e.Args, place, value)
	return e.Value()
}

func replaced(list []zval.Value, place []int, value zval.Value) []zval.Value {
	list = slices.Clone(list)
	i := place[0]
	if len(place) > 1 {
		value = zval.Vector(replaced(list[i].Elems(), place[1:], value)...)
	}
	list[i] = value
	return list
}

func mustParse(v zval.Value) wire.Event {
	e, err := wire.ParseEvent(v)
	if err != nil {
		panic("daemon: own event is malformed: " + err.Error())
	}
	return e
}
