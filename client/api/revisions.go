package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// RevisionQuery says which revisions to return. Its zero value means the newest ones.
type RevisionQuery struct {
	// Before is a revision. Only revisions before it are returned. Zero means all.
	Before uint64
	// Limit bounds the revisions. Zero means 200.
	Limit int
}

// Revisions describes what is deployed and what was deployed before, newest first. A
// controller may have ten thousand revisions.
func (c *Client) Revisions(ctx context.Context, q RevisionQuery) ([]Revision, error) {
	query := url.Values{}
	if q.Before > 0 {
		query.Set("after", strconv.FormatUint(q.Before, 10))
	}
	return some[Revision](ctx, c.caller, PathRevisions, query, q.Limit)
}

// Revision returns a revision with its configuration. If the controller no longer has
// the configuration, the error is a *Problem with the status 410 (Gone).
func (c *Client) Revision(ctx context.Context, revision uint64) (conf Configuration, err error) {
	return conf, c.get(ctx, PathRevisions+"/"+strconv.FormatUint(revision, 10), &conf)
}

// some returns the first entries of a list that may be long. Zero means as many as the
// controller puts on a page.
func some[T any](ctx context.Context, c *caller, path string, query url.Values, limit int) ([]T, error) {
	var items []T
	for {
		if limit > 0 {
			query.Set("limit", strconv.Itoa(min(limit-len(items), pageItems)))
		}
		var page Page[T]
		if err := c.do(ctx, request{method: http.MethodGet, path: path, query: query}, &page); err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if page.Next == "" || limit == 0 || len(items) >= limit || len(page.Items) == 0 {
			return items, nil
		}
		query.Set("after", page.Next)
	}
}

// pageItems is how many entries a page can have.
const pageItems = 1000
