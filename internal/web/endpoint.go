package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// An endpoint serves one operation: it reads the input, checks it, and writes the output or
// an error. It describes the operation in the words of OpenAPI as huma.Register does.
//
// It stands in for huma.Register, which is generic. The compiler copies that for each
// operation: 1.5 MB of the program with 55 operations. Here the types are values of
// reflect.Type, and the schemas and the checks are huma's.
type endpoint struct {
	api     huma.API
	op      huma.Operation
	in      reflect.Type
	params  []param
	body    []int // the index of the input's Body, nil if the request has none
	schema  *huma.Schema
	headers []header
	answer  []int // the index of the output's Body, nil if the answer has none
	// handle gets a pointer to an input, and returns a pointer to an output, which is nil if
	// the answer is a status alone.
	handle func(ctx context.Context, in any) (any, error)
}

// undescribed marks an API whose answers are not described.
type undescribed struct{ huma.API }

// described reports whether answers are described.
func (e *endpoint) described() bool {
	_, no := e.api.(undescribed)
	return !no
}

// A header is a header of an answer.
type header struct {
	index []int
	name  string
}

// addEndpoint adds an operation to api. I and O are pointers to structs. The compiler makes
// one copy of a generic function for all pointers, but one for each struct.
func addEndpoint[I, O any](api huma.API, op huma.Operation, handle func(context.Context, I) (O, error)) {
	serveEndpoint(api, op, reflect.TypeFor[I]().Elem(), reflect.TypeFor[O]().Elem(), func(ctx context.Context, in any) (any, error) {
		return handle(ctx, in.(I))
	})
}

// serveEndpoint adds an operation to api, with these types of its input and its output.
func serveEndpoint(api huma.API, op huma.Operation, in, out reflect.Type, handle func(context.Context, any) (any, error)) {
	e := &endpoint{api: api, op: op, in: in, handle: handle}
	e.describeParams()
	e.describeBody()
	e.describeAnswer(out)
	e.describeErrors()
	api.OpenAPI().AddOperation(&e.op)
	api.Adapter().Handle(&e.op, api.Middlewares().Handler(e.op.Middlewares.Handler(e.serve)))
}

func (e *endpoint) schemas() huma.Registry { return e.api.OpenAPI().Components.Schemas }

// describeBody describes the field Body of the input.
func (e *endpoint) describeBody() {
	field, ok := e.in.FieldByName("Body")
	if !ok {
		return
	}
	e.body, e.schema = field.Index, huma.SchemaFromField(e.schemas(), field, hint(e.in, e.op.OperationID+"Request"))
	e.schema.PrecomputeMessages()
	e.op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: e.schema}}}
}

// hint returns how the schema of the Body of a type may be called.
func hint(t reflect.Type, other string) string {
	if t.Name() == "" {
		return other
	}
	return t.Name() + "Body"
}

// describeAnswer describes the fields of the output: its Body and its headers.
func (e *endpoint) describeAnswer(out reflect.Type) {
	field, hasBody := out.FieldByName("Body")
	if e.op.DefaultStatus == 0 {
		e.op.DefaultStatus = http.StatusNoContent
		if hasBody {
			e.op.DefaultStatus = http.StatusOK
		}
	}
	if e.op.Responses == nil {
		e.op.Responses = map[string]*huma.Response{}
	}
	status := strconv.Itoa(e.op.DefaultStatus)
	response := e.op.Responses[status]
	if response == nil {
		response = &huma.Response{Description: http.StatusText(e.op.DefaultStatus)}
		e.op.Responses[status] = response
	}
	if hasBody {
		e.answer = field.Index
		if field.Type.Kind() != reflect.Func && response.Content == nil && e.described() {
			schema := huma.SchemaFromField(e.schemas(), field, hint(out, e.op.OperationID+"Response"))
			response.Content = map[string]*huma.MediaType{"application/json": {Schema: schema}}
		}
	}
	for _, f := range reflect.VisibleFields(out) {
		name := f.Tag.Get("header")
		if name == "" {
			continue
		}
		e.headers = append(e.headers, header{f.Index, name})
		if !e.described() {
			continue
		}
		if _, text := reflect.New(f.Type).Interface().(fmt.Stringer); text {
			f.Type = reflect.TypeFor[string]()
		}
		if response.Headers == nil {
			response.Headers = map[string]*huma.Header{}
		}
		response.Headers[name] = &huma.Header{Schema: huma.SchemaFromField(e.schemas(), f, "")}
	}
}

// describeErrors describes the errors that the operation may have.
func (e *endpoint) describeErrors() {
	if !e.described() {
		return
	}
	if len(e.op.Errors) > 0 {
		if len(e.params) > 0 || e.body != nil {
			e.op.Errors = append(e.op.Errors, http.StatusUnprocessableEntity)
		}
		e.op.Errors = append(e.op.Errors, http.StatusInternalServerError)
	}
	schema := e.schemas().Schema(reflect.TypeFor[huma.ErrorModel](), true, "")
	response := func(description string) *huma.Response {
		return &huma.Response{Description: description, Content: map[string]*huma.MediaType{"application/problem+json": {Schema: schema}}}
	}
	for _, code := range e.op.Errors {
		e.op.Responses[strconv.Itoa(code)] = response(http.StatusText(code))
	}
	if len(e.op.Errors) == 0 && len(e.op.Responses) <= 1 {
		e.op.Responses["default"] = response("Error")
	}
}

// serve serves a request.
func (e *endpoint) serve(ctx huma.Context) {
	in := reflect.New(e.in)
	read := input{endpoint: e, ctx: ctx, status: http.StatusUnprocessableEntity, problem: "validation failed"}
	if !read.into(in.Elem()) {
		huma.WriteErr(e.api, ctx, read.status, read.problem, read.found.Errors...)
		return
	}
	answer, err := e.handle(ctx.Context(), in.Interface())
	switch out := reflect.ValueOf(answer); {
	case err != nil:
		e.fail(ctx, err)
	case out.IsNil():
		ctx.SetStatus(e.op.DefaultStatus)
	default:
		e.succeed(ctx, out.Elem())
	}
}

// fail answers with an error.
func (e *endpoint) fail(ctx huma.Context, err error) {
	if with, ok := errors.AsType[huma.HeadersError](err); ok {
		for name, values := range with.GetHeaders() {
			for _, v := range values {
				ctx.AppendHeader(name, v)
			}
		}
	}
	problem, ok := errors.AsType[huma.StatusError](err)
	if !ok {
		problem = huma.NewErrorWithContext(ctx, http.StatusInternalServerError, "unexpected error occurred", err)
	}
	e.write(ctx, problem.GetStatus(), problem)
}

// succeed answers with an output.
func (e *endpoint) succeed(ctx huma.Context, out reflect.Value) {
	for _, h := range e.headers {
		field := out.FieldByIndex(h.index)
		text, ok := field.Addr().Interface().(fmt.Stringer)
		switch {
		case ok:
			ctx.SetHeader(h.name, text.String())
		case field.String() != "":
			ctx.SetHeader(h.name, field.String())
		}
	}
	if e.answer == nil {
		ctx.SetStatus(e.op.DefaultStatus)
		return
	}
	body := out.FieldByIndex(e.answer).Interface()
	if stream, ok := body.(func(huma.Context)); ok {
		stream(ctx)
		return
	}
	e.write(ctx, e.op.DefaultStatus, body)
}

// write writes an answer in the format that the asker wants. The formats are ours, and one
// of them is always chosen, so an error is a bug.
func (e *endpoint) write(ctx huma.Context, status int, body any) {
	format, err := e.api.Negotiate(ctx.Header("Accept"))
	if filter, ok := body.(huma.ContentTypeFilter); ok {
		format = filter.ContentType(format)
	}
	if err == nil {
		body, err = e.api.Transform(ctx, strconv.Itoa(status), body)
	}
	if err != nil {
		panic(fmt.Sprintf("web: answer %s %s: %v", e.op.Method, e.op.Path, err))
	}
	ctx.SetHeader("Content-Type", format)
	ctx.SetStatus(status)
	if status == http.StatusNoContent || status == http.StatusNotModified {
		return
	}
	if err := e.api.Marshal(ctx.BodyWriter(), format, body); err != nil {
		panic(fmt.Sprintf("web: encode the answer of %s %s: %v", e.op.Method, e.op.Path, err))
	}
}
