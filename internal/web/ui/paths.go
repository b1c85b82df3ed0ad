package ui

import "net/url"

// The paths of the pages.
const (
	PathHome = "/"
	// PathFrameStream is where pages that have no stream of their own hear what changes around
	// them.
	PathFrameStream = "/frame/stream"
	PathLogin       = "/login"
	PathLogout      = "/logout"
	PathFleet       = "/fleet"
	// PathFleetStream is where the page of the fleet hears what changes.
	PathFleetStream = "/fleet/stream"
	PathInstances   = "/instances"
	// PathInstancesStream is where the page of the instances hears what changes. It is not below
	// PathInstances, where an instance could have its name.
	PathInstancesStream = "/instances-stream"
	PathDeployments     = "/deployments"
	PathDeploy          = "/deploy"
	PathPlan            = "/deploy/plan"
	PathOperate         = "/operate"
	PathOperations      = "/operations"
	PathRevisions       = "/revisions"
	PathTraffic         = "/traffic"
	PathEvents          = "/events"
	PathAudit           = "/audit"
	PathTokens          = "/tokens"
	PathOwnTokens       = "/account/tokens"
	PathUsers           = "/users"
	PathAlerts          = "/alerts"
	PathBundles         = "/bundles"
)

// LoginPath returns the path of the login from which the browser goes on to next.
func LoginPath(next string) string { return withQuery(PathLogin, "next", next) }

// InstancePath returns the path of the page of an instance.
func InstancePath(instance string) string { return below(PathInstances, instance) }

// BundlePath returns the path of the page of a bundle.
func BundlePath(hash string) string { return below(PathBundles, hash) }

// NodePath returns the path of the page of a node. more are names of what is below it.
func NodePath(instance, node string, more ...string) string {
	return below(below(PathInstances, instance, "nodes", node), more...)
}

// below returns the path of something with a name below another path.
func below(path string, names ...string) string {
	for _, name := range names {
		path += "/" + url.PathEscape(name)
	}
	return path
}

// withQuery returns a path with parameters: names and values in turn. Empty values are left
// out.
func withQuery(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
