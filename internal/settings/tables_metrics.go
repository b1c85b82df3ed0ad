package settings

import (
	"errors"
	"net/netip"
	"strings"
)

// controllerMetricsTable lists the settings about what a controller tells Prometheus.
func controllerMetricsTable() []setting[Controller] {
	return []setting[Controller]{
		{key: "controller.metrics_anonymous", flag: "metrics-anonymous", env: "ZEEKFLEET_CONTROLLER_METRICS_ANONYMOUS", initial: "false",
			doc:   "let everybody who reaches the port for clients read /metrics and /sd, without a token or a certificate",
			field: func(c *Controller) value { return boolAt(&c.MetricsAnonymous) }},
	}
}

// agentMetricsTable lists the settings about what an agent tells Prometheus.
func agentMetricsTable() []setting[Agent] {
	return []setting[Agent]{
		{key: "agent.metrics_listen", flag: "metrics-listen", env: "ZEEKFLEET_AGENT_METRICS_LISTEN",
			doc:   "where the agent serves its own metrics to everybody, over plain HTTP: ADDRESS:PORT, or a port of 127.0.0.1; empty for nowhere",
			field: func(a *Agent) value { return listenAt(&a.MetricsListen) }},
	}
}

// listenAt reads an address and a port to listen on, or a port of loopback.
func listenAt(p *Listen) value {
	return at(p, "address", func(text string) (Listen, error) {
		if text == "" {
			return Listen{}, nil
		}
		if !strings.Contains(text, ":") {
			port, err := parsePort(text, 0)
			return Listen{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Port: port}, err
		}
		at, err := netip.ParseAddrPort(text)
		if err != nil {
			return Listen{}, errors.New("neither IP-ADDRESS:PORT nor a port")
		}
		return Listen{Addr: at.Addr(), Port: at.Port()}, nil
	}, func(l Listen) string {
		if !l.Addr.IsValid() {
			return ""
		}
		return l.AddrPort().String()
	})
}
