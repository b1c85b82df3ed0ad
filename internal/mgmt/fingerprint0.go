package mgmt

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// A fingerprint of version 0 hashes the JSON text of a plan. These are the types of
// that text, as they were when programs made such fingerprints. They never change.
type (
	node0 struct {
		Name        string
		Instance    string
		Role        string
		State       string
		Port        *port0
		Scripts     []string
		Options     []option0
		Interface   *string
		CPUAffinity *int64
		Env         map[string]string
		MetricsPort *port0
	}
	option0 struct {
		Name  string
		Value string
	}
	port0 struct {
		Number uint16
		Proto  string
	}
	endpoint0 struct {
		Role        string
		Host        string
		Port        port0
		Interface   *string
		PcapFile    *string
		MetricsPort *port0
	}
)

// isVersion0 reports whether f could be a fingerprint of version 0.
func (f Fingerprint) isVersion0() bool {
	return len(f) == 32 && strings.Trim(string(f), "0123456789abcdef") == ""
}

// fingerprint0 returns the fingerprint of version 0 of the plan of n.
func (l *layout) fingerprint0(n Node) Fingerprint {
	sum := sha256.New()
	sum.Write([]byte(`{"Node":`))
	sum.Write(marshal0(asNode0(n)))
	sum.Write([]byte(`,"Cluster":`))
	sum.Write(l.json0())
	sum.Write([]byte(`}`))
	return Fingerprint(hex.EncodeToString(sum.Sum(nil)[:16]))
}

// json0 returns the JSON text of the layout.
func (l *layout) json0() []byte {
	if l.json == nil {
		l.json = marshal0(asCluster0(l.entries))
	}
	return l.json
}

func asNode0(n Node) node0 {
	frozen := node0{
		Name:        string(n.Name),
		Instance:    string(n.Instance),
		Role:        string(n.Role),
		State:       string(n.State),
		Port:        asPort0(n.Port),
		Scripts:     n.Scripts,
		Interface:   n.Interface,
		CPUAffinity: n.CPUAffinity,
		Env:         n.Env,
		MetricsPort: asPort0(n.MetricsPort),
	}
	for _, o := range n.Options {
		frozen.Options = append(frozen.Options, option0(o))
	}
	return frozen
}

func asCluster0(entries map[NodeName]ClusterEndpoint) map[string]endpoint0 {
	if entries == nil {
		return nil
	}
	frozen := make(map[string]endpoint0, len(entries))
	for name, e := range entries {
		host := ""
		if e.Host.IsValid() {
			host = e.Host.String()
		}
		frozen[string(name)] = endpoint0{
			Role:        string(e.Role),
			Host:        host,
			Port:        *asPort0(&e.Port),
			Interface:   e.Interface,
			PcapFile:    e.PcapFile,
			MetricsPort: asPort0(e.MetricsPort),
		}
	}
	return frozen
}

func asPort0(p *Port) *port0 {
	if p == nil {
		return nil
	}
	return &port0{p.Number, string(p.Proto)}
}

// marshal0 returns the JSON text of a value of a type above. It panics on an error,
// which these types cannot cause.
func marshal0(frozen any) []byte {
	text, err := json.Marshal(frozen)
	if err != nil {
		panic(fmt.Sprintf("mgmt: marshal %T: %v", frozen, err))
	}
	return text
}
