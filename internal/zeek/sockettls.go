package zeek

import "fmt"

// SocketTLS has the files with which a node serves its agent over a WebSocket, each
// in PEM format. The node accepts a client only if Authority has signed the client's
// certificate.
type SocketTLS struct{ Certificate, Key, Authority string }

// The generated files of a SocketTLS.
const (
	socketCertFile = "zeekfleet-websocket.pem"
	socketKeyFile  = "zeekfleet-websocket.key"
	socketCAFile   = "zeekfleet-websocket-clients.pem"
)

// ServesWithTLS tells whether the node is a WebSocket server that can have a SocketTLS.
func (d Deployment) ServesWithTLS() bool {
	return d.ChosenAgentProtocol() == AgentWebSocket && hasSocketTLS(d.version())
}

// files returns the generated files. Only the user of the node may read them.
func (t *SocketTLS) files() []File {
	return []File{
		{socketCertFile, 0o600, t.Certificate},
		{socketKeyFile, 0o600, t.Key},
		{socketCAFile, 0o600, t.Authority},
	}
}

// socketTLS renders the options of the node's WebSocket server. The files are in the
// directory of the options script. That directory is named by its content, so its
// name cannot be part of its content.
func (s *script) socketTLS() {
	file := func(name string) string { return "@DIR + " + quote("/"+name) }
	fmt.Fprintf(s, "\tconst websocket_tls = Cluster::WebSocketTLSOptions($cert_file=%s, $key_file=%s, $enable_peer_verification=T, $ca_file=%s);\n",
		file(socketCertFile), file(socketKeyFile), file(socketCAFile))
}
