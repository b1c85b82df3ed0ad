package bus

import (
	"crypto/tls"
	"crypto/x509"
)

// TLS is the identity of an endpoint and the authorities it trusts. With it,
// both sides of every native TLS connection must present a certificate that
// chains to one of Roots; names in certificates are not compared with anything,
// as in Broker (spec broker-wire 2.4).
type TLS struct {
	Certificate tls.Certificate
	Roots       *x509.CertPool
}
