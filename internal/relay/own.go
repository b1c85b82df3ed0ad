package relay

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/resources"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// own returns what answers a request that is about this controller, and not about the
// cluster. It is nil for any other request.
func (r *Relay) own(req *http.Request, c web.Connection) func(http.ResponseWriter) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		return nil
	}
	switch req.URL.Path {
	case api.PathLive:
		return func(w http.ResponseWriter) { answer(w, http.StatusOK, api.Health{Status: "ok"}) }
	case api.PathReady:
		return r.ready
	case api.PathHealth:
		return r.health
	case api.PathPulse:
		return r.pulse
	case api.PathMetrics:
		return func(w http.ResponseWriter) { r.metrics(w, req, c) }
	case api.PathBackup:
		// The controller that leads cannot know whether the user could read its files.
		return func(w http.ResponseWriter) { r.backup(w, req, c) }
	case api.PathControllers:
		who, err := user(req, c)
		if r.cfg.Controllers == nil || err != nil || who.Role < access.ListControllers.May {
			return nil // the controller that leads may know a session, and says why not
		}
		return func(w http.ResponseWriter) { r.controllers(w, req) }
	}
	return nil
}

// user returns who makes a request, as far as this controller knows that. It knows no
// sessions.
func user(req *http.Request, c web.Connection) (mgmt.Principal, error) {
	scheme, bearer, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		bearer = ""
	}
	return c.Who(strings.TrimSpace(bearer))
}

func (r *Relay) ready(w http.ResponseWriter) {
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(r.cfg.Ready)) {
		if r.cfg.Ready[name]() != nil {
			wrong = append(wrong, name)
		}
	}
	if leader, _ := r.leads.now(); leader.Name == "" {
		wrong = append(wrong, "leader")
	}
	if len(wrong) > 0 {
		problem(w, http.StatusServiceUnavailable, "not ready: "+strings.Join(wrong, ", ")+"; the controller's log says why")
		return
	}
	answer(w, http.StatusOK, api.Health{Status: "ok"})
}

// health says whether a controller leads. Whether the nodes run, that one knows.
func (r *Relay) health(w http.ResponseWriter) {
	if leader, _ := r.leads.now(); leader.Name == "" {
		problem(w, http.StatusServiceUnavailable, errNoLeader.Error())
		return
	}
	answer(w, http.StatusOK, api.Health{Status: "ok"})
}

func (r *Relay) pulse(w http.ResponseWriter) {
	leader, _ := r.leads.now()
	leads := leader.Name == r.cfg.Name
	if r.cfg.Leads != nil {
		leads = r.cfg.Leads()
	}
	answer(w, http.StatusOK, api.Pulse{Name: r.cfg.Name, Leads: leads, Term: leader.Term, Leader: leader.Name})
}

func (r *Relay) metrics(w http.ResponseWriter, req *http.Request, c web.Connection) {
	who, err := user(req, c)
	row, _ := access.StreamRow(mgmt.StreamMetrics)
	switch {
	case r.cfg.Metrics == nil:
		problem(w, http.StatusNotImplemented, "this controller has no metrics")
		return
	case r.cfg.MetricsAnonymous:
	case err != nil:
		w.Header().Set("WWW-Authenticate", `Bearer realm="zeekfleet"`)
		problem(w, http.StatusUnauthorized, err.Error())
		return
	case who.Role < row.May:
		problem(w, http.StatusForbidden, row.Forbids(who))
		return
	}
	text, err := r.cfg.Metrics(req.Context())
	if err != nil {
		problem(w, http.StatusServiceUnavailable, fmt.Sprintf("the metrics cannot be read: %v", err))
		return
	}
	w.Header().Set("Content-Type", web.ContentMetrics)
	w.Write(text)
}

func (r *Relay) controllers(w http.ResponseWriter, req *http.Request) {
	report, err := r.cfg.Controllers(req.Context())
	if err != nil {
		problem(w, http.StatusServiceUnavailable, "the store of the controllers did not answer: "+err.Error())
		return
	}
	answer(w, http.StatusOK, resources.Controllers(report))
}

// backup answers with a backup, to somebody who could read this controller's files.
func (r *Relay) backup(w http.ResponseWriter, req *http.Request, c web.Connection) {
	who, err := user(req, c)
	switch {
	case err != nil:
		w.Header().Set("WWW-Authenticate", `Bearer realm="zeekfleet"`)
		problem(w, http.StatusUnauthorized, err.Error())
		return
	case who.Role < access.Backup.May:
		problem(w, http.StatusForbidden, access.Backup.Forbids(who))
		return
	case r.cfg.Backup == nil:
		problem(w, http.StatusNotImplemented, "this controller makes no backups")
		return
	}
	out := http.NewResponseController(w)
	if out.SetReadDeadline(time.Time{}) != nil {
		return
	}
	web.SendBackup(&patient{w, out, r.cfg.Patience}, req, c.Own, who, r.cfg.Backup, func(rec mgmt.AuditRecord) {
		if rec.Outcome == mgmt.AuditRefused {
			r.cfg.Refused(rec)
		} else {
			r.cfg.Recorded(rec)
		}
	})
}

// answer answers with JSON.
func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic("relay: an answer cannot be encoded: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}

// problem answers with an error.
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	text, err := json.Marshal(api.Problem{Title: http.StatusText(status), Status: status, Detail: detail})
	if err != nil {
		panic("relay: a problem cannot be encoded: " + err.Error())
	}
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}
