package launch

import (
	"errors"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// brokerForm is the newest form of a BrokerTLS that a BrokerState keeps.
const brokerForm = 1

// brokerState1 is form 1. Its file has a checksum.
type brokerState1 struct {
	Version int        `json:"version"`
	TLS     brokerTLS1 `json:"tls"`
}

// brokerTLS1 is also part of form 2 of a factsRecord.
type brokerTLS1 struct {
	Authority        string `json:"authority"`
	Certificate      string `json:"certificate"`
	Key              string `json:"key"`
	AgentCertificate string `json:"agent_certificate"`
	AgentKey         string `json:"agent_key"`
}

// broker2 is part of form 2 of a factsRecord.
type broker2 struct {
	Peers BrokerPeers  `json:"peers"`
	TLS   brokerTLS1   `json:"tls,omitzero"`
	Files brokerFiles2 `json:"files,omitzero"`
}

type brokerFiles2 struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	CA          string `json:"ca,omitempty"`
	AgentCA     string `json:"agent_ca,omitempty"`
}

func newBroker2(b Broker) broker2 {
	return broker2{b.Peers, brokerTLS1(b.TLS), brokerFiles2{b.Files.CertFile, b.Files.KeyFile, b.Files.CAFile, b.Files.AgentCAFile}}
}

func (b broker2) broker() Broker {
	f := b.Files
	return Broker{b.Peers, BrokerTLS(b.TLS), zeek.BrokerTLS{CertFile: f.Certificate, KeyFile: f.Key, CAFile: f.CA, AgentCAFile: f.AgentCA}}
}

// encodeBroker returns the content of the file of a BrokerState.
func encodeBroker(t BrokerTLS) []byte {
	return durable.Seal(form.Encode(brokerState1{brokerForm, brokerTLS1(t)}))
}

func decodeBroker(text []byte) (BrokerTLS, error) {
	if len(text) == 0 {
		return BrokerTLS{}, errors.New("it is empty")
	}
	text, sealed, err := durable.Unseal(text)
	if err != nil {
		return BrokerTLS{}, err
	}
	if _, err := form.Version(text, brokerForm); err != nil {
		return BrokerTLS{}, err
	}
	if !sealed {
		return BrokerTLS{}, durable.ErrDamaged
	}
	var f brokerState1
	err = form.Decode(text, &f)
	return BrokerTLS(f.TLS), err
}
