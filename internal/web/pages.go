package web

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"sort"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// PageInput are the parameters of a list.
type PageInput struct {
	After string `query:"after" maxLength:"600" doc:"Show what follows this: the next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"200" doc:"How many entries to show at most."`
}

// pageOutput is a page of a list.
type pageOutput[T any] struct{ Body api.Page[T] }

// paged returns a page of a list. key returns the place of an item in the list's order.
func paged[T any](items []T, in PageInput, key func(T) string) api.Page[T] {
	at := func(i int) string { return key(items[i]) }
	// slices.SortFunc would be a copy of its own for each type, 20 kB of the program each.
	sort.Slice(items, func(i, j int) bool { return at(i) < at(j) })
	from, to := in.part(len(items), at)
	page := api.Page[T]{Items: append([]T{}, items[from:to]...)}
	if to < len(items) {
		page.Next = at(to - 1)
	}
	return page
}

// part returns which part of a sorted list of n items is on the page. at returns the place
// of an item in the list's order.
func (in PageInput) part(n int, at func(int) string) (from, to int) {
	if in.After != "" {
		from = sort.Search(n, func(i int) bool { return at(i) > in.After })
	}
	return from, min(from+in.Limit, n)
}

// TaggedInput are the parameters of something that has a tag.
type TaggedInput struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000" doc:"The ETag of the answer that the asker has. If that answer is still right, the answer is 304."`
}

// taggedOutput is an answer with a tag. The tag begins with the revision of the
// controller's store.
type taggedOutput[T any] struct {
	ETag string `header:"ETag" doc:"A tag of this answer, which begins with the revision of the controller's store."`
	Body T
}

// tagged returns an answer with its tag, or that the asker has it already. States change
// without a new revision, so the tag has a hash as well.
func tagged[T any](in TaggedInput, revision uint64, body T) (*taggedOutput[T], error) {
	tag, err := in.tag(revision, body)
	if err != nil {
		return nil, err
	}
	return &taggedOutput[T]{tag, body}, nil
}

// tag returns the tag of an answer. It fails if the asker has the answer already.
func (in TaggedInput) tag(revision uint64, body any) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encode an answer: %w", err)
	}
	sum := fnv.New64a()
	sum.Write(text)
	tag := fmt.Sprintf(`"%d-%016x"`, revision, sum.Sum64())
	for has := range strings.SplitSeq(in.IfNoneMatch, ",") {
		if has = strings.TrimPrefix(strings.TrimSpace(has), "W/"); has == tag || has == "*" {
			return "", huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {tag}})
		}
	}
	return tag, nil
}
