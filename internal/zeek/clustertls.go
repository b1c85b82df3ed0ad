package zeek

import "bytes"

// ClusterTLS has the certificate that the nodes of one cluster show each other over
// Broker, its key, and the authority that has signed it, each in PEM format. All nodes of
// the cluster have the same.
type ClusterTLS struct{ Certificate, Key, Authority string }

// The generated files of a ClusterTLS.
const (
	brokerCertFile = "zeekfleet-broker.pem"
	brokerKeyFile  = "zeekfleet-broker.key"
	brokerCAFile   = "zeekfleet-broker-nodes.pem"
)

// files returns the generated files. Only the user of the node may read them.
func (t *ClusterTLS) files() []File {
	return []File{
		{brokerCertFile, 0o600, t.Certificate},
		{brokerKeyFile, 0o600, t.Key},
		{brokerCAFile, 0o600, t.Authority},
	}
}

// clusterTLS renders the options of a ClusterTLS. The files are in the directory of the
// options script, whose name is not known yet.
func (s *script) clusterTLS() {
	for _, f := range []struct{ option, name string }{
		{"ssl_certificate", brokerCertFile}, {"ssl_keyfile", brokerKeyFile}, {"ssl_cafile", brokerCAFile},
	} {
		s.redef("Broker::"+f.option, "@DIR + "+quote("/"+f.name))
	}
}

// ownTLS returns the nodes' own certificates, or nil if they have none or do not use
// Broker with each other.
func (d *Deployment) ownTLS() *ClusterTLS {
	if d.backend() != Broker {
		return nil
	}
	return d.Site.BrokerTLS.Own
}

// OptionsFile is the name of the generated options script.
const OptionsFile = "zeekfleet-options.zeek"

// HasBrokerCertificate tells whether an options script gives a node a certificate for
// Broker.
func HasBrokerCertificate(options []byte) bool {
	return bytes.Contains(options, []byte("\nredef Broker::ssl_certificate = "))
}
