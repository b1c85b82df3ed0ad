package fakezeek

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"regexp"
)

var tlsOption = regexp.MustCompile(`\$(\w+)=@DIR \+ "([^"]+)"`)

// webSocketTLS returns the configuration of the WebSocket server from the options, or
// nil if there is none. @DIR is the directory of the script that has the option.
func (n *node) webSocketTLS() (*tls.Config, error) {
	const name = "Fleet::Node::websocket_tls"
	value, ok := n.values[name]
	if !ok {
		return nil, nil
	}
	files := map[string]string{}
	for _, option := range tlsOption.FindAllStringSubmatch(value, -1) {
		files[option[1]] = filepath.Join(filepath.Dir(n.from[name]), option[2])
	}
	pair, err := tls.LoadX509KeyPair(files["cert_file"], files["key_file"])
	if err != nil {
		return nil, err
	}
	authorities, err := os.ReadFile(files["ca_file"])
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authorities) {
		return nil, errors.New(files["ca_file"] + " has no certificate")
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}, nil
}
