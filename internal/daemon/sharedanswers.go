package daemon

import (
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// sharedAnswers are the latest configurations that clients asked for, as events.
// Many clients ask for a large configuration: its event is made once.
type sharedAnswers struct {
	made [2]sharedAnswer // the staged and the deployed one
	next int
}

type sharedAnswer struct {
	config mgmt.Configuration
	event  zval.Value
}

// sharedNodes is the number of nodes from which on the event of a configuration
// is kept.
const sharedNodes = 256

// encode returns msg as an event. It calls share with each event that it keeps.
func (s *sharedAnswers) encode(msg mgmt.Message, share func(zval.Value)) zval.Value {
	answer, ok := msg.(mgmt.GetConfigurationResponse)
	if !ok {
		return codec.Encode(msg)
	}
	config, ok := answer.Result.Data.(mgmt.Configuration)
	if !ok || len(config.Nodes) < sharedNodes {
		return codec.Encode(msg)
	}
	for _, made := range s.made {
		if made.is(config) {
			return answerAnew(made.event, answer)
		}
	}
	v := codec.Encode(msg)
	share(v)
	s.made[s.next] = sharedAnswer{config, v}
	s.next = (s.next + 1) % len(s.made)
	return v
}

// is reports whether config is the very same configuration, which nobody changes.
// It does not compare the content.
func (s sharedAnswer) is(config mgmt.Configuration) bool {
	return s.config.ID == config.ID && len(s.config.Nodes) == len(config.Nodes) && &s.config.Nodes[0] == &config.Nodes[0] &&
		len(s.config.Instances) == len(config.Instances)
}

// answerAnew returns the answer to another request, with the data of an answer
// that was made before.
func answerAnew(made zval.Value, answer mgmt.GetConfigurationResponse) zval.Value {
	answer.Result.Data = nil
	fresh := mustParse(codec.Encode(answer))
	old := mustParse(made)
	result := append([]zval.Value(nil), fresh.Args[resultArg].Elems()...)
	result[dataField] = old.Args[resultArg].Elems()[dataField]
	fresh.Args[resultArg] = zval.Vector(result...)
	return fresh.Value()
}

// The places of the data in an answer with one result (spec management-api 3.2).
const (
	resultArg = 1
	dataField = 3
)

func mustParse(v zval.Value) wire.Event {
	e, err := wire.ParseEvent(v)
	if err != nil {
		panic("daemon: own event is malformed: " + err.Error())
	}
	return e
}
