package launch

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// BrokerPeers is how the nodes of a cluster recognise each other over Broker.
type BrokerPeers string

// The values of BrokerPeers. The empty one means that the backend is another one.
const (
	BrokerOpen  BrokerPeers = "open"  // they do not
	BrokerFiles BrokerPeers = "files" // by certificates in files that the settings name
	BrokerOwn   BrokerPeers = "own"   // by a certificate that the agent has made
)

// Broker is how a node recognises the others over Broker.
type Broker struct {
	Peers BrokerPeers
	// TLS belongs to BrokerOwn, and Files to BrokerFiles.
	TLS   BrokerTLS
	Files zeek.BrokerTLS
}

// BrokerTLS are the certificates that an agent has made for the nodes of its cluster, in
// PEM format. All nodes have the same. AgentCertificate is what the agent shows nodes that
// peer with it. The key of Authority was forgotten, so that nobody gets another
// certificate.
type BrokerTLS struct {
	Authority, Certificate, Key, AgentCertificate, AgentKey string
}

func newBrokerTLS() (t BrokerTLS, err error) {
	authority, err := newCertificate("zeekfleet cluster", nil)
	if err != nil {
		return t, err
	}
	t.Authority = authority.pem()
	for _, f := range []struct {
		name      string
		cert, key *string
	}{{"zeekfleet node", &t.Certificate, &t.Key}, {"zeekfleet agent", &t.AgentCertificate, &t.AgentKey}} {
		made, err := newCertificate(f.name, authority)
		if err != nil {
			return t, err
		}
		*f.cert = made.pem()
		if *f.key, err = made.keyPEM(); err != nil {
			return t, err
		}
	}
	return t, nil
}

// BrokerState keeps the certificates that an agent has made for the cluster whose nodes
// are all on its instance. They stay with the cluster.
type BrokerState struct{ *kept[BrokerTLS] }

var keptBroker = keptKind[BrokerTLS]{
	encode: encodeBroker, decode: decodeBroker, most: 16 << 10,
	file: "the file with the certificates of the cluster's nodes",
	lost: "the certificates of the cluster's nodes cannot be read, others are made when all nodes start together",
	save: "the certificates of the cluster's nodes",
}

// OpenBrokerState reads the file at path. The file is made together with the
// certificates. A damaged file counts as missing, and the log says so: each launch record
// has what living nodes use. A file of a newer zeekfleet is an error.
func OpenBrokerState(path string, log *slog.Logger) (*BrokerState, error) {
	k, err := openKept(path, keptBroker, log)
	if err != nil {
		return nil, err
	}
	return &BrokerState{k}, nil
}

// The texts of Site.BrokerOpen.
const (
	brokerIsOff   = "zeek.broker_tls is off"
	brokerIsLater = "its nodes run since before they could have certificates; restart all of them together, or deploy a change of all of them"
	brokerAgents  = "its instances have an agent each; let them join a controller, or set zeek.tls_cert, zeek.tls_key and zeek.tls_ca"
	brokerAgent   = "they peer with their agent, too, and it has a certificate of its own or takes no TLS; set zeek.tls_cert, zeek.tls_key and zeek.tls_ca"
)

// brokerUse is how a launch uses Broker.
type brokerUse struct {
	Broker
	why string // as Site.BrokerOpen
}

// site returns the fields of a zeek.Site.
func (u brokerUse) site() (zeek.BrokerTLS, string) {
	if u.Peers == BrokerOwn {
		return zeek.BrokerTLS{Own: &zeek.ClusterTLS{Certificate: u.TLS.Certificate, Key: u.TLS.Key, Authority: u.TLS.Authority}}, ""
	}
	return u.Files, u.why
}

// facts returns what the record of a launch says.
func (u brokerUse) facts(d zeek.Deployment) Broker {
	if d.UsesZeroMQ() {
		return Broker{}
	}
	return u.Broker
}

// brokerNow returns how a launch of the plan would use Broker now. missing says that its
// certificates are not made yet.
//
// If all nodes of the cluster are on this instance and others of them live, the launch
// uses what they use. So a cluster gets certificates only when none of its nodes lives:
// when all of them start together.
func (z *Zeek) brokerNow(plan mgmt.Plan, d zeek.Deployment) (use brokerUse, missing bool) {
	open := func(why string) (brokerUse, bool) { return brokerUse{Broker{Peers: BrokerOpen}, why}, false }
	files := z.cfg.Site.BrokerTLS
	alone := plan.OneInstance && z.cfg.Broker != nil && !d.UsesZeroMQ()
	if others, ok := z.living.others(plan); ok && alone {
		running := others.Broker
		switch {
		case running.Peers == BrokerOpen && z.cfg.NoBrokerTLS:
			return open(brokerIsOff)
		case running.Peers == BrokerOpen:
			return open(brokerIsLater)
		case running.Peers == BrokerOwn, files == (zeek.BrokerTLS{}) && running.Files != (zeek.BrokerTLS{}):
			return brokerUse{Broker: running}, false
		}
	}
	switch {
	case files != (zeek.BrokerTLS{}):
		return brokerUse{Broker: Broker{Peers: BrokerFiles, Files: files}}, false
	case z.cfg.NoBrokerTLS:
		return open(brokerIsOff)
	case !alone && !plan.OneInstance && oneAddress(plan.Cluster):
		return open(brokerAgents)
	case !alone:
		return open("")
	case d.ChosenAgentProtocol() == zeek.AgentBroker && !z.cfg.AgentShows:
		return open(brokerAgent)
	}
	made := z.cfg.Broker.current()
	return brokerUse{Broker: Broker{Peers: BrokerOwn, TLS: made}}, made == BrokerTLS{}
}

// broker returns how a launch of the plan uses Broker. It makes certificates that are not
// made yet.
func (z *Zeek) broker(plan mgmt.Plan, d zeek.Deployment) (brokerUse, error) {
	use, missing := z.brokerNow(plan, d)
	if !missing {
		return use, nil
	}
	made, err := newBrokerTLS()
	if err != nil {
		return use, fmt.Errorf("make the certificates of the cluster's nodes: %w", err)
	}
	if err := z.cfg.Broker.save(made); err != nil {
		return use, err
	}
	use, _ = z.brokerNow(plan, d)
	return use, nil
}

// checkBroker returns the deployment for a check of the scripts. Equal checks have equal
// files, so no check has real certificates: a check speaks with nobody.
func (z *Zeek) checkBroker(plan mgmt.Plan, d zeek.Deployment) zeek.Deployment {
	use, _ := z.brokerNow(plan, d)
	d.Site.BrokerTLS, d.Site.BrokerOpen = use.site()
	if d.Site.BrokerTLS.Own != nil {
		d.Site.BrokerTLS.Own = new(zeek.ClusterTLS)
	}
	return d
}

// brokerBefore returns how a process uses Broker that a zeekfleet has launched which did
// not record it. The options that the process has read say so. If they cannot be read, it
// is what the settings say.
func (z *Zeek) brokerBefore(f Facts) Broker {
	if z.cfg.Backend == zeek.ZeroMQ || f.ZeroMQ != (ZeroMQ{}) {
		return Broker{}
	}
	certified := z.cfg.Site.BrokerTLS != (zeek.BrokerTLS{})
	text, err := durable.ReadRegular(filepath.Join(z.cfg.GeneratedDir, f.Generated, zeek.OptionsFile), maxOptions)
	if err == nil && f.Generated != "" {
		certified = zeek.HasBrokerCertificate(text)
	}
	if certified {
		return Broker{Peers: BrokerFiles, Files: z.cfg.Site.BrokerTLS}
	}
	return Broker{Peers: BrokerOpen}
}

const maxOptions = 1 << 20 // bytes of an options script; zeekfleet's are shorter

// AgentCertificate returns the certificate that the agent shows nodes which peer with it:
// the authority of the nodes' certificates has signed it. It returns nil if the nodes have
// none. Any goroutine may call it.
func (z *Zeek) AgentCertificate() *tls.Certificate {
	t, ok := z.living.brokerTLS()
	if !ok && z.cfg.Broker != nil {
		t = z.cfg.Broker.current()
	}
	if t == (BrokerTLS{}) {
		return nil
	}
	pair, err := tls.X509KeyPair([]byte(t.AgentCertificate), []byte(t.AgentKey))
	if err != nil {
		return nil // a node that dials says that it does not know the agent's certificate
	}
	return &pair
}

// copyFiles puts the content of the certificate's files in the place of their names, if nodes run
// as another user: the files are the agent's, and the generated files are for the nodes.
func (z *Zeek) copyFiles(d *zeek.Deployment) error {
	t := &d.Site.BrokerTLS
	if z.cfg.User == nil || t.Own != nil || t.CertFile == "" || t.CAFile == "" {
		return nil
	}
	authorities := t.CAFile
	if t.AgentCAFile != "" && d.ChosenAgentProtocol() == zeek.AgentBroker {
		authorities = t.AgentCAFile
	}
	own := &zeek.ClusterTLS{}
	for _, f := range []struct {
		path string
		text *string
	}{{t.CertFile, &own.Certificate}, {t.KeyFile, &own.Key}, {authorities, &own.Authority}} {
		f1, err := durable.OpenLinked(f.path)
		if err != nil {
			return fmt.Errorf("copy the certificate of nodes for their user: %w", err)
		}
		text, err := io.ReadAll(io.LimitReader(f1, maxPEM))
		f1.Close()
		if err != nil {
			return fmt.Errorf("copy the certificate of nodes for their user: %w", err)
		}
		*f.text = string(text)
	}
	t.Own = own
	return nil
}

// maxPEM bounds a file with certificates, in bytes.
const maxPEM = 1 << 20
