package settings

import (
	"fmt"
	"strconv"
	"time"
)

// PeerPort is the usual port where the controllers of a cluster of controllers reach each
// other's store.
const PeerPort = 2152

// storeHeartbeat is the setting of Cluster.Heartbeat.
const storeHeartbeat = "controller.store.heartbeat"

// The bounds of the times and sizes of the store of a cluster of controllers.
const (
	minHeartbeat, maxHeartbeat = 10 * time.Millisecond, 5 * time.Second
	minElection, maxElection   = 100 * time.Millisecond, time.Minute
	minQuota, maxQuota         = 64, 16 << 10 // MiB
)

// Cluster has the settings of a controller that shares its state with others.
type Cluster struct {
	// On says that there may be several controllers.
	On bool
	// Advertise is the host name or the address by which agents, clients and the other
	// controllers reach this one. It is empty if it follows from the addresses of the host.
	Advertise string
	// Peer is where the other controllers reach the store of this one. Its address is not valid
	// if it is that of the port for agents.
	Peer Listen
	// Heartbeat and Election are those of the store: how often its leader is heard, and after
	// how long another one is elected.
	Heartbeat, Election time.Duration
	// QuotaMegabytes bounds the database.
	QuotaMegabytes int
	// Etcd is the store that the site runs. It has no endpoints if the controllers run it.
	Etcd Etcd
}

// Etcd says where the etcd of a site is.
type Etcd struct {
	Endpoints              []string
	TLS                    TLS
	Username, PasswordFile string
	Prefix                 string
}

// clusterTable lists the settings of a controller that shares its state with others.
func clusterTable() []setting[Controller] {
	return []setting[Controller]{
		{key: "controller.cluster", flag: "cluster", env: "ZEEKFLEET_CONTROLLER_CLUSTER", initial: "false",
			doc:   "keep the state in a store that several controllers share (\"zeekfleet controller join\"): any of them may be lost; turned off, a controller that is alone in its cluster takes its state back into its own files",
			field: func(c *Controller) value { return boolAt(&c.Cluster.On) }},
		{key: "controller.advertise", hostly: true, flag: "advertise", env: "ZEEKFLEET_CONTROLLER_ADVERTISE",
			doc:   "host name or IP address at which agents, clients and the other controllers of a cluster of controllers reach this one (default: the address where it listens, or the first one of this host)",
			field: func(c *Controller) value { return ownHostAt(&c.Cluster.Advertise) }},
		{key: "controller.peer_address", flag: "peer-address", env: "ZEEKFLEET_CONTROLLER_PEER_ADDRESS",
			doc:   "IP address where the other controllers reach the store of this one (default: controller.listen_address)",
			field: func(c *Controller) value { return addressAt(&c.Cluster.Peer.Addr) }},
		{key: "controller.peer_port", flag: "peer-port", env: "ZEEKFLEET_CONTROLLER_PEER_PORT", initial: strconv.Itoa(PeerPort),
			doc:   "port where the other controllers reach the store of this one",
			field: func(c *Controller) value { return portAt(&c.Cluster.Peer.Port, 1) }},
		{key: storeHeartbeat, flag: "store-heartbeat", env: "ZEEKFLEET_CONTROLLER_STORE_HEARTBEAT", initial: "200ms",
			doc:   "how often the leader of the shared store is heard; about twice the time that a message takes to the farthest controller and back; at most a fifth of controller.store.election",
			field: func(c *Controller) value { return durationAt(&c.Cluster.Heartbeat, minHeartbeat, maxHeartbeat) }},
		{key: "controller.store.election", flag: "store-election", env: "ZEEKFLEET_CONTROLLER_STORE_ELECTION", initial: "1s",
			doc:   "after how long without its leader the shared store elects another one; at least five times the heartbeat",
			field: func(c *Controller) value { return durationAt(&c.Cluster.Election, minElection, maxElection) }},
		{key: "controller.store.megabytes", flag: "store-megabytes", env: "ZEEKFLEET_CONTROLLER_STORE_MEGABYTES", initial: "4096",
			doc:   "how many MiB the database of the shared store has at most, with the contents of bundles",
			field: func(c *Controller) value { return countAt(&c.Cluster.QuotaMegabytes, minQuota, maxQuota) }},
		{key: "controller.etcd.endpoints", flag: "etcd-endpoints", env: "ZEEKFLEET_ETCD_ENDPOINTS",
			doc:   "URLs of an etcd that the site runs, such as https://etcd-1:2379: the controllers keep their shared state there, and run no store themselves",
			field: func(c *Controller) value { return wordsAt(&c.Cluster.Etcd.Endpoints, "urls") }},
		{key: "controller.etcd.ca", flag: "etcd-ca", env: "ZEEKFLEET_ETCD_CA",
			doc:   "PEM file with the authorities of that etcd's certificates",
			field: func(c *Controller) value { return pathAt(&c.Cluster.Etcd.TLS.CA, "file") }},
		{key: "controller.etcd.cert", flag: "etcd-cert", env: "ZEEKFLEET_ETCD_CERT",
			doc:   "PEM file with the certificate that is shown to that etcd",
			field: func(c *Controller) value { return pathAt(&c.Cluster.Etcd.TLS.Cert, "file") }},
		{key: "controller.etcd.key", flag: "etcd-key", env: "ZEEKFLEET_ETCD_KEY",
			doc:   "PEM file with that certificate's private key",
			field: func(c *Controller) value { return pathAt(&c.Cluster.Etcd.TLS.Key, "file") }},
		{key: "controller.etcd.username", flag: "etcd-username", env: "ZEEKFLEET_ETCD_USERNAME",
			doc:   "user of that etcd",
			field: func(c *Controller) value { return wordAt(&c.Cluster.Etcd.Username, "name") }},
		{key: "controller.etcd.password_file", flag: "etcd-password-file", env: "ZEEKFLEET_ETCD_PASSWORD_FILE",
			doc:   "file with the password of that user",
			field: func(c *Controller) value { return pathAt(&c.Cluster.Etcd.PasswordFile, "file") }},
		{key: "controller.etcd.prefix", flag: "etcd-prefix", env: "ZEEKFLEET_ETCD_PREFIX", initial: "zeekfleet/",
			doc:   "what the keys in that etcd begin with; each cluster needs another",
			field: func(c *Controller) value { return wordAt(&c.Cluster.Etcd.Prefix, "prefix") }},
	}
}

// ownHostAt reads the name or the address of this host. It may be empty.
func ownHostAt(p *string) value {
	v := hostAt(p)
	given := v.parse
	v.parse = func(text string) error {
		if text == "" {
			*p = ""
			return nil
		}
		return given(text)
	}
	return v
}

// checkCluster finds settings that no cluster of controllers can have.
func (c *Controller) checkCluster(o origins) error {
	const on = "controller.cluster"
	switch s := c.Cluster; {
	case !s.On && len(s.Etcd.Endpoints) > 0:
		return fmt.Errorf("controller.etcd.endpoints from %s has no effect without %s: set it to true", o.from("controller.etcd.endpoints"), on)
	case !s.On:
		return nil
	case !c.OwnAuthority():
		return fmt.Errorf("%s from %s needs an authority of the cluster's own: with certificates from files (tls.cert), or with insecure, there is one controller only", on, o.from(on))
	case c.WebSocket.Off || c.Broker.Off:
		return fmt.Errorf("%s from %s needs both ports of the controller: none of controller.listen_port and controller.websocket_port can be off", on, o.from(on))
	case s.Election < 5*s.Heartbeat:
		return fmt.Errorf("controller.store.election: %v from %s is shorter than five times controller.store.heartbeat (%v): leaders would be lost without a cause",
			s.Election, o.from("controller.store.election"), s.Heartbeat)
	}
	return c.Cluster.Etcd.TLS.check("controller.etcd.cert", "controller.etcd.key", o)
}
