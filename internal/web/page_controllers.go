package web

import (
	"cmp"
	"fmt"
	"net"
	"strings"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// controllersLine says in a line which controllers there are, for the foot of each page.
func controllersLine(r *mgmt.ControllersReport) string {
	var text strings.Builder
	text.WriteString(fmt.Sprintf("%s leads, term %d", cmp.Or(r.Leader, "No controller"), r.Term))
	for _, m := range r.Members {
		switch {
		case m.Role == mgmt.ControllerAway:
			text.WriteString("; " + m.Name + " is away")
		case m.Role == mgmt.ControllerFollows && m.Lag > 0:
			text.WriteString(fmt.Sprintf("; %s follows, %d entries behind", m.Name, m.Lag))
		case m.Role == mgmt.ControllerFollows:
			text.WriteString("; " + m.Name + " follows")
		case m.Role == mgmt.ControllerLearns:
			text.WriteString("; " + m.Name + " learns")
		}
		for _, alarm := range m.Alarms {
			text.WriteString("; " + m.Name + ": " + alarm)
		}
		if m.Quota > 0 && float64(m.Bytes) > nearlyFull*float64(m.Quota) {
			text.WriteString(fmt.Sprintf("; the store of %s is full to %d %%", m.Name, 100*m.Bytes/m.Quota))
		}
	}
	return text.String()
}

// nearlyFull is the share of its bound from which on pages speak of a store.
const nearlyFull = 0.8

// otherSites returns the sites of the other controllers: the first address of each. Plain text
// is for callers of the same host.
func otherSites(r *mgmt.ControllersReport, secure bool) (sites []string) {
	for _, m := range r.Members {
		if m.Name == r.Self || len(m.Clients) == 0 {
			continue
		}
		address, err := api.JoinPort(m.Clients[0])
		if host, _, split := net.SplitHostPort(address); err != nil || split != nil || strings.Contains(host, "%") {
			continue // a browser cannot go there
		}
		scheme := "https://"
		if !secure && api.IsLoopback(address) {
			scheme = "http://"
		}
		sites = append(sites, scheme+address)
	}
	return sites
}
