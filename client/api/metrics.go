package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
)

// ScrapeTargets are targets of Prometheus with their labels, in the form of its HTTP service
// discovery.
type ScrapeTargets struct {
	Targets []string          `json:"targets" nullable:"false"`
	Labels  map[string]string `json:"labels"`
}

// Metrics returns the metrics of the controller as text. The caller closes it.
func (c *Client) Metrics(ctx context.Context) (io.ReadCloser, error) {
	return c.text(ctx, request{method: http.MethodGet, path: PathMetrics})
}

// AgentMetrics returns the metrics of an agent as text. The caller closes it.
func (c *Client) AgentMetrics(ctx context.Context, instance string) (io.ReadCloser, error) {
	return c.text(ctx, request{method: http.MethodGet, path: PathMetrics + "/agents/" + url.PathEscape(instance)})
}

// NodeMetrics returns what a node serves at its metrics port. The caller closes it.
func (c *Client) NodeMetrics(ctx context.Context, instance, node string) (io.ReadCloser, error) {
	return c.text(ctx, request{method: http.MethodGet, path: PathMetrics + "/nodes/" + url.PathEscape(instance) + "/" + url.PathEscape(node)})
}

// ServiceDiscovery lists what Prometheus can scrape: through the controller, or with direct at
// addresses of their own.
func (c *Client) ServiceDiscovery(ctx context.Context, direct bool) (list []ScrapeTargets, err error) {
	r := request{method: http.MethodGet, path: PathServiceDiscovery}
	if direct {
		r.query = url.Values{"via": {"direct"}}
	}
	err = c.do(ctx, r, &list)
	return list, err
}
