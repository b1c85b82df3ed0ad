package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// routes are the operations and their description.
type routes struct {
	huma huma.API
	mux  *http.ServeMux
	s    *Server
	// ids has the IDs of the operations, by pattern.
	ids map[string]string
	// large has the patterns of the operations whose requests have a configuration.
	large map[string]bool
	// parts has the patterns of those whose requests have a part of an archive.
	parts map[string]bool
}

// newRoutes returns the operations for serving them. What answers are like is not described: that would
// take the first request over HTTP 8.7 ms in place of 3.7, and 1.1 MB for as long as the controller runs
// (BenchmarkAPI).
func newRoutes(s *Server) *routes {
	return makeRoutes(s, func(all huma.API) huma.API { return undescribed{all} })
}

// describedRoutes returns the operations with their whole description.
func describedRoutes(s *Server) *routes {
	a := makeRoutes(s, func(all huma.API) huma.API { return all })
	a.describeRoot()
	a.describeProblems()
	return a
}

// makeRoutes returns the operations. of makes of huma's API that which describes them.
func makeRoutes(s *Server, of func(huma.API) huma.API) *routes {
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("zeekfleet", "1")
	cfg.Info.Description = "The controller of Zeek clusters. Times are RFC 3339 in UTC. Errors are problem documents (RFC 9457)."
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", "" // served below
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.CreateHooks = nil // no links to schemas in answers
	cfg.Formats = map[string]huma.Format{"application/json": plainJSON, "json": plainJSON, api.ContentNDJSON: jsonLines}
	cfg.RejectUnknownQueryParameters = true
	cfg.Transformers = []huma.Transformer{oneLine}
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":       {Type: "http", Scheme: "bearer", Description: "An API token: zfa-…"},
		"certificate": {Type: "mutualTLS", Description: "The certificate of a user."},
		"session":     {Type: "apiKey", In: "cookie", Name: sessionCookie, Description: "The session of a browser."},
	}
	a := &routes{huma: of(humago.New(mux, cfg)), mux: mux, s: s, ids: map[string]string{}, large: map[string]bool{}, parts: map[string]bool{}}
	a.registerRoot()
	a.registerJoining()
	a.registerSSO()
	a.registerTokens()
	a.registerOwnTokens()
	a.registerUsers()
	a.registerCertificates()
	a.registerAudit()
	a.registerCluster()
	a.registerTelling()
	registerHostTools(a)
	a.registerStatus()
	a.registerRevisions()
	a.registerOperations()
	a.registerChanges()
	a.registerPreflight()
	a.registerEvents()
	a.registerSamples()
	a.registerAlerts()
	a.registerBundles()
	registerControllers(a)
	a.registerHealth()
	a.registerMetrics()
	a.registerPages()
	a.serveDescription()
	return a
}

// schemaName returns the name of a type in the description.
func schemaName(t reflect.Type, hint string) string {
	if name := huma.DefaultSchemaNamer(t, hint); name != "ErrorModel" {
		return name
	}
	return "Problem"
}

// plainJSON writes an answer at once. A caller who has gone does not matter.
var plainJSON = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			return err
		}
		w.Write(text.Bytes())
		return nil
	},
	Unmarshal: json.Unmarshal,
}

// jsonLines writes each entry of a list on a line of its own.
var jsonLines = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		list, ok := v.(interface{ Each(func(any)) })
		if !ok {
			return plainJSON.Marshal(w, v)
		}
		var text bytes.Buffer
		var err error
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		list.Each(func(item any) { err = errors.Join(err, enc.Encode(item)) })
		w.Write(text.Bytes())
		return err
	},
	Unmarshal: func([]byte, any) error { return errors.New("a request is JSON, and no JSON lines") },
}

// operation is what operations have beside their input and output.
type operation struct {
	id, method, path string
	// summary is what the operation does, and details what else there is to know.
	summary, details string
	// may is the row that says who may do it. An operation with anybody needs none.
	may     access.Row
	anybody bool
	// attempt says that the operation takes a secret, so that attempts are counted.
	attempt bool
	// large says that the request has a configuration. The role is checked before it is
	// read.
	large bool
	// part says that the body is a part of an archive, and no JSON.
	part bool
	// manifest says that the answer has all files of a bundle.
	manifest bool
	// takes is for how long the operation may take on purpose, beyond Limits.WriteTimeout.
	takes time.Duration
	// stream describes a success as server-sent events.
	stream string
	// status is that of a success. Zero means 200, or 204 if there is no body.
	status int
	errors []int
}

// knownUser is the row of what every user may do.
var knownUser = access.Row{Name: "look", May: mgmt.Viewer}

// rowOf returns the row of a request of the Management API.
func rowOf(req mgmt.Request) access.Row {
	kind := mgmt.KindOf(req)
	return access.Row{Name: kind.Name(), May: kind.May, Changes: kind.May > mgmt.Viewer}
}

// register adds an operation. I and O are pointers to structs, as those of addEndpoint.
func register[I, O any](a *routes, op operation, handle func(context.Context, I) (O, error)) {
	addEndpoint(a.huma, a.describe(op), handle)
}

// describe returns the operation in huma's words, with its limits and its checks.
func (a *routes) describe(op operation) huma.Operation {
	described := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Summary: op.summary, Description: op.details,
		DefaultStatus: op.status, Errors: op.errors, MaxBodyBytes: int64(a.s.cfg.MaxBody), BodyReadTimeout: a.s.cfg.ReadTimeout,
	}
	if op.stream != "" {
		described.Responses = map[string]*huma.Response{"200": {Description: op.stream, Content: map[string]*huma.MediaType{
			api.ContentEventStream: {Schema: &huma.Schema{Type: huma.TypeString}},
		}}}
	}
	if op.anybody {
		described.MaxBodyBytes = min(described.MaxBodyBytes, maxOpenBody)
	} else {
		described.Security = []map[string][]string{{"token": {}}, {"certificate": {}}, {"session": {}}}
		described.Errors = append(described.Errors, http.StatusUnauthorized, http.StatusForbidden)
		described.Extensions = map[string]any{"x-role": op.may.May.String()}
		described.Description = joinSentences(op.details, fmt.Sprintf("It takes the role %s.", op.may.May))
	}
	if op.large {
		a.large[op.method+" "+op.path] = true
		described.MaxBodyBytes, described.BodyReadTimeout = int64(max(a.s.cfg.MaxBody, a.s.cfg.MaxConfiguration)), a.s.cfg.ConfigurationTimeout
		described.Errors = append(described.Errors, http.StatusServiceUnavailable)
	}
	if op.attempt {
		described.Errors = append(described.Errors, http.StatusTooManyRequests)
	}
	described.Middlewares = huma.Middlewares{a.s.admit(a, op)}
	if op.large {
		described.Middlewares = append(described.Middlewares, a.s.admitLarge(a, op))
	}
	if op.manifest {
		described.Errors = append(described.Errors, http.StatusTooManyRequests, http.StatusServiceUnavailable)
		described.Middlewares = append(described.Middlewares, bundles{a.s}.admitManifest(a))
	}
	switch {
	case op.part:
		a.parts[op.method+" "+op.path] = true
		described.Errors = append(described.Errors, http.StatusServiceUnavailable)
		described.Middlewares = append(described.Middlewares, a.s.admitPart(a, op))
	case op.method != http.MethodGet:
		described.Middlewares = append(described.Middlewares, a.s.boundValues(a, op, described.BodyReadTimeout))
	}
	a.ids[op.method+" "+op.path] = op.id
	return described
}

func joinSentences(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

// refuse answers an operation with an error before it begins.
func (a *routes) refuse(ctx huma.Context, status int, detail string) {
	huma.WriteErr(a.huma, ctx, status, detail)
}
