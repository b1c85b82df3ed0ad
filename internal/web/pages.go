package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
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
	// slices.SortFunc would be a copy of its own for each type, 20 kB of the program each.
	sort.Slice(items, func(i, j int) bool { return key(items[i]) < key(items[j]) })
	from := 0
	if in.After != "" {
		var found bool
		if from, found = slices.BinarySearchFunc(items, in.After, func(one T, after string) int { return cmp.Compare(key(one), after) }); found {
			from++
		}
	}
	page := api.Page[T]{Items: slices.Clone(items[from:min(from+in.Limit, len(items))])}
	if page.Items == nil {
		page.Items = []T{}
	}
	if from+in.Limit < len(items) {
		page.Next = key(page.Items[len(page.Items)-1])
	}
	return page
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
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode an answer: %w", err)
	}
	sum := fnv.New64a()
	sum.Write(text)
	tag := fmt.Sprintf(`"%d-%016x"`, revision, sum.Sum64())
	for has := range strings.SplitSeq(in.IfNoneMatch, ",") {
		if has = strings.TrimPrefix(strings.TrimSpace(has), "W/"); has == tag || has == "*" {
			return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {tag}})
		}
	}
	return &taggedOutput[T]{tag, body}, nil
}
