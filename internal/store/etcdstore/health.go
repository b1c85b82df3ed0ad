package etcdstore

import (
	"net/http"
)

// healthPath is where a member tells the others how it is.
const healthPath = "/zeekfleet/health"

func (m *member) serveHealth(w http.ResponseWriter, _ *http.Request) {}
