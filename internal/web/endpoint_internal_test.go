package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
)

type triedInput struct {
	ID     uint64    `path:"id" minimum:"1"`
	Count  int       `query:"count" minimum:"1" maximum:"9" default:"3"`
	Names  []string  `query:"names" maxItems:"2"`
	Since  time.Time `query:"since"`
	Fast   bool      `query:"fast"`
	Level  string    `query:"level" enum:"low,high"`
	Must   string    `query:"must" required:"true" minLength:"2" doc:"What must be said."`
	Tagged string    `header:"If-None-Match" maxLength:"5"`
	PageInput
	host string
}

func (in *triedInput) Resolve(ctx huma.Context) []error {
	in.host = ctx.Host()
	return nil
}

type triedOutput struct {
	ETag      string      `header:"ETag"`
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      any
}

type triedBody struct {
	Name string     `json:"name" minLength:"1"`
	When *time.Time `json:"when,omitempty"`
}

type triedBodyInput struct {
	Fast bool `query:"fast"`
	Body triedBody
}

// triedServer serves a few operations with huma.Register, or with serveEndpoint.
func triedServer(byHuma bool) (huma.API, http.Handler) {
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("tried", "1")
	cfg.CreateHooks = nil
	cfg.RejectUnknownQueryParameters = true
	cfg.Formats = map[string]huma.Format{"application/json": plainJSON, "json": plainJSON, api.ContentNDJSON: jsonLines}
	a := humago.New(mux, cfg)
	try(byHuma, a, "GET", "/query/{id}", func(_ context.Context, in *triedInput) (*triedOutput, error) {
		return &triedOutput{ETag: "e", SetCookie: http.Cookie{Name: "c", Value: "v"}, Body: []any{in, in.host}}, nil
	})
	try(byHuma, a, "POST", "/body", func(_ context.Context, in *triedBodyInput) (*bodyOutput[api.Page[triedBody]], error) {
		return &bodyOutput[api.Page[triedBody]]{api.Page[triedBody]{Items: []triedBody{in.Body, in.Body}}}, nil
	})
	try(byHuma, a, "POST", "/error", func(_ context.Context, in *triedBodyInput) (*struct{}, error) {
		switch in.Body.Name {
		case "status":
			return nil, problem(http.StatusConflict, "no")
		case "headers":
			return nil, huma.ErrorWithHeaders(huma.Status304NotModified(), http.Header{"ETag": {"x"}})
		case "nothing":
			return nil, nil
		case "something":
			return &struct{}{}, nil
		}
		return nil, errors.New("another error")
	})
	try(byHuma, a, "GET", "/stream", func(context.Context, *struct{}) (*huma.StreamResponse, error) {
		return &huma.StreamResponse{Body: func(ctx huma.Context) { ctx.BodyWriter().Write([]byte("streamed")) }}, nil
	})
	return a, mux
}

func try[I, O any](byHuma bool, a huma.API, method, path string, handle func(context.Context, *I) (*O, error)) {
	op := huma.Operation{OperationID: method + path, Method: method, Path: path, MaxBodyBytes: 100, BodyReadTimeout: time.Minute}
	if byHuma {
		huma.Register(a, op, handle)
		return
	}
	addEndpoint(a, op, handle)
}

// An operation is described as huma.Register describes it.
func TestEndpointsAreDescribedAsByHuma(t *testing.T) {
	theirAPI, _ := triedServer(true)
	ourAPI, _ := triedServer(false)
	want, err := theirAPI.OpenAPI().YAML()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ourAPI.OpenAPI().YAML()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("descriptions (-huma +ours):\n%s", diff)
	}
}

// An operation answers as huma.Register would.
func TestEndpointsAnswerAsWithHuma(t *testing.T) {
	_, theirs := triedServer(true)
	_, ours := triedServer(false)
	statuses := map[int]bool{}
	for _, request := range []struct{ target, body, header string }{
		{target: "GET /query/7?must=be"},
		{target: "GET /query/7?must=be&count=5&names=a,b&since=2026-11-30T01:02:03Z&fast=1&level=low&limit=7&after=x", header: "If-None-Match: abc"},
		{target: "GET /query/7?must=be&other=1"},
		{target: "GET /query/0"},
		{target: "GET /query/-1?must=be"},
		{target: "GET /query/x?must=b&count=z&names=a,b,c&since=never&fast=maybe&level=mid&limit=0"},
		{target: "GET /query/7?must=be&count=&since="},
		{target: "GET /query/7?must=be&count=10", header: "If-None-Match: abcdef"},
		{target: "GET /query/7?must=be&count=99999999999999999999"},
		{target: "POST /body", body: `{"name":"n","when":"2026-11-30T01:02:03Z"}`},
		{target: "POST /body", body: `{"name":"n"}`, header: "Accept: " + api.ContentNDJSON},
		{target: "POST /body", body: `{"name":"n"}`, header: "Accept: image/png"},
		{target: "POST /body", body: `{"name":"n"}`, header: "Content-Type: application/json"},
		{target: "POST /body", body: `{"name":"n"}`, header: "Content-Type: text/plain"},
		{target: "POST /body", body: ""},
		{target: "POST /body", body: "{"},
		{target: "POST /body", body: "null"},
		{target: "POST /body", body: `{"name":"","other":1}`},
		{target: "POST /body?fast=x", body: `{"name":""}`},
		{target: "POST /body?fast=x", body: `{`},
		{target: "POST /body?fast=x", body: ``},
		{target: "POST /body?x=y", body: `{"name":"n"}`},
		{target: "POST /body", body: `{"name":"n","when":"never"}`},
		{target: "POST /body", body: `{"name":"n","when":"2026-13-30T01:02:03Z"}`},
		{target: "POST /body", body: `{"name":"` + strings.Repeat("n", 88) + `"}`}, // 99 bytes
		{target: "POST /body", body: `{"name":"` + strings.Repeat("n", 89) + `"}`},
		{target: "POST /error", body: `{"name":"status"}`},
		{target: "POST /error", body: `{"name":"headers"}`},
		{target: "POST /error", body: `{"name":"nothing"}`},
		{target: "POST /error", body: `{"name":"something"}`},
		{target: "POST /error", body: `{"name":"error"}`, header: "Accept: " + api.ContentNDJSON},
		{target: "GET /stream"},
	} {
		ask := func(h http.Handler) (int, string) {
			method, path, _ := strings.Cut(request.target, " ")
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(request.body))
			if name, value, ok := strings.Cut(request.header, ": "); ok {
				r.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(readable{w}, r)
			var text strings.Builder
			w.Header().Write(&text)
			return w.Code, text.String() + "\n" + w.Body.String()
		}
		wantStatus, wantText := ask(theirs)
		status, text := ask(ours)
		if status != wantStatus || text != wantText {
			t.Errorf("%s %s %s: huma answers %d\n%s\nwe answer %d\n%s", request.target, request.body, request.header, wantStatus, wantText, status, text)
		}
		statuses[status] = true
	}
	for _, status := range []int{200, 204, 304, 400, 409, 413, 415, 422, 500} {
		if !statuses[status] {
			t.Errorf("no request was answered with %d", status)
		}
	}
}

// readable is a recorder that takes a deadline.
type readable struct{ *httptest.ResponseRecorder }

func (readable) SetReadDeadline(time.Time) error { return nil }
