package daemon

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// refuseSharedKey says that nodes would get the agent's own key, under whatever
// name: with it a node could be the agent. A file that is not there is for others
// to miss.
func refuseSharedKey(nodes, agent string) error {
	if nodes == "" || agent == "" {
		return nil
	}
	theirs, err := os.Stat(nodes)
	if err != nil {
		return nil
	}
	own, err := os.Stat(agent)
	if err != nil {
		return nil
	}
	if os.SameFile(theirs, own) || sameText(nodes, agent) {
		return fmt.Errorf("zeek.tls_key %s is the agent's own key, with which a node could be the agent: make one for nodes", nodes)
	}
	return nil
}

// maxKey bounds a file with a key, in bytes.
const maxKey = 64 << 10

// sameText reports whether two files hold the same but for blanks around it.
func sameText(a, b string) bool {
	read := func(path string) []byte {
		f, err := os.Open(path)
		if err != nil {
			return nil
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxKey))
		if err != nil {
			return nil
		}
		return bytes.TrimSpace(text)
	}
	text := read(a)
	return len(text) > 0 && bytes.Equal(text, read(b))
}

// AnyInstance stands in ControllerConfig.AgentNames for all instances.
const AnyInstance = "*"

// instances returns as which instances an agent with this certificate may
// introduce itself, or that it may as any.
func (c ControllerConfig) instances(cert *x509.Certificate) (may []mgmt.InstanceName, any bool) {
	for _, name := range certificateNames(cert) {
		may = append(may, mgmt.InstanceName(name))
		for _, instance := range c.AgentNames[name] {
			any = any || instance == AnyInstance
			may = append(may, mgmt.InstanceName(instance))
		}
	}
	return may, any
}

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
