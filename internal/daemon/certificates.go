package daemon

import (
	"crypto/x509"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// AnyInstance stands in ControllerConfig.AgentNames for all instances.
const AnyInstance = "*"

// instances returns the instances as which an agent with this certificate may
// introduce itself, and whether it may introduce itself as any instance.
func (c ControllerConfig) instances(cert *x509.Certificate) (may []mgmt.InstanceName, any bool) {
	for _, name := range CertificateNames(cert) {
		may = append(may, mgmt.InstanceName(name))
		for _, instance := range c.AgentNames[name] {
			any = any || instance == AnyInstance
			may = append(may, mgmt.InstanceName(instance))
		}
	}
	return may, any
}

// CertificateNames returns the names that a certificate gives to its owner: the
// common name, DNS names, and URIs.
func CertificateNames(cert *x509.Certificate) []string {
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

// certificateName returns the first of these names, for a person.
func certificateName(cert *x509.Certificate) string {
	if names := CertificateNames(cert); len(names) > 0 {
		return names[0]
	}
	return "a certificate without names"
}

// named reports whether a certificate has one of the names.
func named(cert *x509.Certificate, names []string) bool {
	return slices.ContainsFunc(CertificateNames(cert), func(name string) bool { return slices.Contains(names, name) })
}
