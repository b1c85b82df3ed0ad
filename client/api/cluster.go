package api

import (
	"context"
	"net/url"
)

// Instances returns the connected and the deployed instances.
func (c *Client) Instances(ctx context.Context) ([]Instance, error) {
	return all[Instance](ctx, c.caller, PathInstances)
}

// Nodes returns the nodes of all instances.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	return all[Node](ctx, c.caller, PathNodes)
}

// Configurations describes the staged and the deployed configuration, and those before.
func (c *Client) Configurations(ctx context.Context) ([]Revision, error) {
	return all[Revision](ctx, c.caller, PathConfigurations)
}

// Configuration returns the configuration that is Staged or Deployed.
func (c *Client) Configuration(ctx context.Context, state string) (conf Configuration, err error) {
	return conf, c.get(ctx, PathConfigurations+"/"+url.PathEscape(state), &conf)
}
