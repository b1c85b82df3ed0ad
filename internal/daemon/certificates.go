package daemon

import (
	"crypto/x509"
	"slices"
)

// certificateNames returns the names that a certificate gives to its owner: the
// common name, DNS names, and URIs.
func certificateNames(cert *x509.Certificate) []string {
	var names []string
	if cert.Subject.CommonName != "" {
		names = append(names, cert.Subject.CommonName)
	}
	names = append(names, cert.DNSNames...)
	for _, uri := range cert.URIs {
		names = append(names, uri.String())
	}
	return names
}

// certificateName is the first of these names, for a person.
func certificateName(cert *x509.Certificate) string {
	if names := certificateNames(cert); len(names) > 0 {
		return names[0]
	}
	return "a certificate without names"
}

// named reports whether a certificate has one of the names.
func named(cert *x509.Certificate, names []string) bool {
	return slices.ContainsFunc(certificateNames(cert), func(name string) bool { return slices.Contains(names, name) })
}
