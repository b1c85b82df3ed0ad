package launch

import (
	"bytes"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// EncodeFacts returns the content of a launch's file.
func EncodeFacts(number uint64, facts Facts) []byte { return encodeRecord(factsRecord{number, facts}) }

// DecodeFacts reads the content of a launch's file.
func DecodeFacts(text []byte) (number uint64, facts Facts, err error) {
	rec, err := decodeRecord(text)
	return rec.Launch, rec.Facts, err
}

// EncodeZeroMQ returns the content of the file of a ZeroMQState.
func EncodeZeroMQ(z ZeroMQ) []byte { return encodeZeroMQ(z) }

// DecodeZeroMQ reads the content of the file of a ZeroMQState.
func DecodeZeroMQ(text []byte) (ZeroMQ, error) { return decodeZeroMQ(text) }

// EncodeBroker returns the content of the file of a BrokerState.
func EncodeBroker(t BrokerTLS) []byte { return encodeBroker(t) }

// DecodeBroker reads the content of the file of a BrokerState.
func DecodeBroker(text []byte) (BrokerTLS, error) { return decodeBroker(text) }

// Reseal gives a text whose object was changed a valid checksum.
func Reseal(text []byte) []byte {
	end := bytes.LastIndex(text, []byte(`,"sum"`))
	return durable.Seal(append(bytes.Clone(text[:end]), '}'))
}
