package launch

import (
	"errors"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// zeroMQForm is the newest form of a ZeroMQ that a ZeroMQState keeps.
const zeroMQForm = 1

// zeroMQ1 is form 1. Its file has a checksum.
type zeroMQ1 struct {
	Version int    `json:"version"`
	XPub    uint16 `json:"xpub,omitempty"`
	XSub    uint16 `json:"xsub,omitempty"`
	Curve   curve1 `json:"curve,omitzero"`
}

// curve1 is also part of form 2 of a factsRecord.
type curve1 struct {
	Server keyPair1 `json:"server"`
	Client keyPair1 `json:"client"`
}

type keyPair1 struct {
	Public string `json:"public"`
	Secret string `json:"secret"`
}

func newCurve1(k zeek.CurveKeys) curve1 { return curve1{keyPair1(k.Server), keyPair1(k.Client)} }

func (c curve1) keys() zeek.CurveKeys {
	return zeek.CurveKeys{Server: zeek.KeyPair(c.Server), Client: zeek.KeyPair(c.Client)}
}

// encodeZeroMQ returns the content of the file of a ZeroMQState.
func encodeZeroMQ(z ZeroMQ) []byte {
	return durable.Seal(form.Encode(zeroMQ1{zeroMQForm, z.XPub, z.XSub, newCurve1(z.Curve)}))
}

func decodeZeroMQ(text []byte) (ZeroMQ, error) {
	if len(text) == 0 {
		return ZeroMQ{}, errors.New("it is empty")
	}
	text, sealed, err := durable.Unseal(text)
	if err != nil {
		return ZeroMQ{}, err
	}
	if _, err := form.Version(text, zeroMQForm); err != nil {
		return ZeroMQ{}, err
	}
	if !sealed {
		return ZeroMQ{}, durable.ErrDamaged
	}
	var f zeroMQ1
	err = form.Decode(text, &f)
	return ZeroMQ{f.XPub, f.XSub, f.Curve.keys()}, err
}
