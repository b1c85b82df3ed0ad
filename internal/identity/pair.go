package identity

import (
	"crypto"
	"crypto/x509"
)

// IsKeyOf reports whether a private key is that of a certificate.
func IsKeyOf(key crypto.Signer, cert *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}

// Pool returns certificates in the form that crypto/tls and crypto/x509 take.
func Pool(certs []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, cert := range certs {
		pool.AddCert(cert)
	}
	return pool
}
