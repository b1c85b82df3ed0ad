package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// registerRoot adds what tells of the controller and of the asker.
func (a *routes) registerRoot() {
	register(a, operation{
		id: "get-root", method: http.MethodGet, path: api.PathRoot + "{$}", may: knownUser,
		summary: "Describe the controller",
	}, a.s.root)
	register(a, operation{
		id: "who-am-i", method: http.MethodGet, path: api.PathWhoAmI, may: knownUser,
		summary: "Show the name and the role of the asker",
	}, a.s.whoAmI)
}

func (s *Server) root(ctx context.Context, _ *struct{}) (*bodyOutput[api.Root], error) {
	root := api.Root{Name: s.cfg.Name, Version: s.cfg.Version, Addresses: append([]string{}, s.cfg.Addresses...)}
	if s.cfg.Authority == nil {
		return &bodyOutput[api.Root]{root}, nil
	}
	root.Cluster = s.cfg.Authority.Directory().Trust.Cluster
	// Whoever may not see the authorities sees the rest.
	if found, err := ask[access.Authorities](ctx, s, access.ListAuthorities{}); err == nil {
		if i := slices.IndexFunc(found, func(a access.AuthorityInfo) bool { return a.Signing }); i >= 0 {
			root.Authority = found[i].KeyHash
		}
	}
	return &bodyOutput[api.Root]{root}, nil
}

func (s *Server) whoAmI(ctx context.Context, _ *struct{}) (*bodyOutput[api.Principal], error) {
	who := askerOf(ctx)
	return &bodyOutput[api.Principal]{api.Principal{Name: who.Name, Role: who.Role.String(), Source: who.Source}}, nil
}

// registerHealth adds what a supervisor of the controller wants to know.
func (a *routes) registerHealth() {
	register(a, operation{
		id: "health", method: http.MethodGet, path: api.PathHealth, anybody: true,
		summary: "Say whether the nodes run that should run",
		details: "A node should run if it was deployed and no user has stopped it. A paused node that has ended need not run. The answer tells how many do not run, and no more: anybody may ask.",
		errors:  []int{http.StatusServiceUnavailable},
	}, a.s.health)
	register(a, operation{
		id: "live", method: http.MethodGet, path: api.PathLive, anybody: true,
		summary: "Say that the controller serves",
		details: "Whoever keeps a controller running restarts it if this is not answered, and not for other reasons: agents and nodes do not need a controller.",
	}, func(context.Context, *struct{}) (*bodyOutput[api.Health], error) {
		return &bodyOutput[api.Health]{api.Health{Status: "ok"}}, nil
	})
	register(a, operation{
		id: "ready", method: http.MethodGet, path: api.PathReady, anybody: true,
		summary: "Say whether the controller can do its work",
		details: "The state is loaded, the last save has succeeded, and the audit is written. Otherwise the answer names what is not so.",
		errors:  []int{http.StatusServiceUnavailable},
	}, a.s.ready)
}

func (s *Server) health(ctx context.Context, _ *struct{}) (*bodyOutput[api.Health], error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWait, errors.New("no answer in time"))
	defer cancel()
	snap, err := s.cfg.Cluster.Snapshot(ctx)
	if err != nil {
		return nil, problem(http.StatusServiceUnavailable, "the controller does not know its state; its log says why")
	}
	switch down := nodesDown(snap); down {
	case 0:
		return &bodyOutput[api.Health]{api.Health{Status: "ok"}}, nil
	case 1:
		return nil, problem(http.StatusServiceUnavailable, "1 node should run and does not; zeekfleet status names it")
	default:
		return nil, problem(http.StatusServiceUnavailable, fmt.Sprintf("%d nodes should run and do not; zeekfleet status names them", down))
	}
}

// nodesDown counts the nodes that should run and of which the controller does not know that
// they do.
func nodesDown(snap *mgmt.Snapshot) (down int) {
	if snap.Deployed == nil {
		return 0
	}
	states := map[mgmt.NodeName]mgmt.State{}
	for _, in := range snap.Instances {
		for _, n := range in.Nodes {
			if in.Standing == mgmt.Ready {
				states[n.Node] = n.State
			}
		}
	}
	for _, n := range snap.Deployed.Config.Nodes {
		state := states[n.Name]
		held := slices.Contains(snap.Paused, n.Name) && (state == mgmt.Crashed || state == mgmt.Failed)
		if state != mgmt.Running && !held && !slices.Contains(snap.Stopped, n.Name) {
			down++
		}
	}
	return down
}

// readyWait bounds the time for the checks of readiness.
const readyWait = 2 * time.Second

func (s *Server) ready(ctx context.Context, _ *struct{}) (*bodyOutput[api.Health], error) {
	ctx, cancel := context.WithTimeoutCause(ctx, readyWait, errors.New("no answer in time"))
	defer cancel()
	var wrong []string
	if _, err := s.cfg.Cluster.Snapshot(ctx); err != nil {
		wrong = append(wrong, "state")
	}
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Ready)) {
		if s.cfg.Ready[name]() != nil {
			wrong = append(wrong, name)
		}
	}
	if len(wrong) > 0 {
		return nil, problem(http.StatusServiceUnavailable, "not ready: "+strings.Join(wrong, ", ")+"; the controller's log says why")
	}
	return &bodyOutput[api.Health]{api.Health{Status: "ok"}}, nil
}

// describeRoot gives the root its path in the description. For the mux, the path says
// that it does not stand for all paths below.
func (a *routes) describeRoot() {
	paths := a.huma.OpenAPI().Paths
	paths[api.PathRoot] = paths[api.PathRoot+"{$}"]
	delete(paths, api.PathRoot+"{$}")
}

// describeProblems leaves of the form of errors what our errors have.
func (a *routes) describeProblems() {
	schemas := a.huma.OpenAPI().Components.Schemas.Map()
	model := schemas["Problem"]
	maps.DeleteFunc(model.Properties, func(name string, property *huma.Schema) bool {
		property.Examples = nil
		return name != "title" && name != "status" && name != "detail"
	})
	delete(schemas, "ErrorDetail")
}

// serveDescription adds the description of the API.
func (a *routes) serveDescription() {
	serve := func(ext, mediaType string, render func(*huma.OpenAPI) ([]byte, error)) {
		rendered := sync.OnceValues(func() ([]byte, error) {
			all := describedRoutes(a.s)
			if err := all.addExamples(); err != nil {
				return nil, err
			}
			return render(all.huma.OpenAPI())
		})
		a.mux.HandleFunc("GET "+api.PathOpenAPI+ext, func(w http.ResponseWriter, _ *http.Request) {
			text, err := rendered()
			if err != nil {
				writeProblem(w, http.StatusInternalServerError, "render the description: "+err.Error())
				return
			}
			w.Header().Set("Content-Type", mediaType)
			w.Write(text)
		})
	}
	serve(".json", "application/openapi+json", (*huma.OpenAPI).MarshalJSON)
	serve(".yaml", "application/openapi+yaml", (*huma.OpenAPI).YAML)
}
