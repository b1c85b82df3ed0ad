package web

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// A param is a parameter of an operation: in the path, the query or a header.
type param struct {
	index           []int
	in, name, unset string // unset is its value if the request has none
	required        bool
	schema          *huma.Schema
}

// describeParams describes the fields of the input that are parameters.
func (e *endpoint) describeParams() {
	for _, f := range reflect.VisibleFields(e.in) {
		p := param{index: f.Index, unset: f.Tag.Get("default")}
		var explode *bool
		for _, p.in = range []string{"path", "query", "header"} {
			if p.name = f.Tag.Get(p.in); p.name != "" {
				break
			}
		}
		switch {
		case p.name == "":
			continue
		case p.in == "query":
			explode = new(false) // several values are one text with commas
		}
		p.required = p.in == "path" || f.Tag.Get("required") == "true"
		p.schema = huma.SchemaFromField(e.schemas(), f, "")
		e.params = append(e.params, p)
		e.op.Parameters = append(e.op.Parameters, &huma.Param{
			Name: p.name, Description: p.schema.Description, In: p.in, Explode: explode, Required: p.required, Schema: p.schema,
		})
	}
}

// An input is the input of a request while it is read.
type input struct {
	*endpoint
	ctx   huma.Context
	found huma.ValidateResult
	// status and problem are those of the error, if the input is wrong.
	status  int
	problem string
}

// into reads the input of a request into a value of its type. It returns whether the input
// is right.
func (r *input) into(v reflect.Value) bool {
	if !r.known() {
		return false
	}
	for i := range r.params {
		r.param(&r.params[i], v.FieldByIndex(r.params[i].index))
	}
	if r.body != nil && !r.readBody(v.FieldByIndex(r.body)) {
		return false
	}
	if more, ok := v.Addr().Interface().(huma.Resolver); ok {
		r.found.Errors = append(r.found.Errors, more.Resolve(r.ctx)...)
	}
	return len(r.found.Errors) == 0
}

// wrong notes what is wrong with a part of the request.
func (r *input) wrong(in, name string, value any, reason string) {
	r.found.Add(pathTo(in, name), value, reason)
}

func pathTo(parts ...string) *huma.PathBuffer {
	path := huma.NewPathBuffer(nil, 0)
	for _, p := range parts {
		path.Push(p)
	}
	return path
}

// known returns whether the operation has all parameters of the query.
func (r *input) known() bool {
	asked := r.ctx.URL()
	for name := range asked.Query() {
		if !slices.ContainsFunc(r.params, func(p param) bool { return p.in == "query" && p.name == name }) {
			r.wrong("query", name, "", "unknown query parameter")
		}
	}
	return len(r.found.Errors) == 0
}

// param reads a parameter into its field, and checks it.
func (r *input) param(p *param, field reflect.Value) {
	var text string
	switch p.in {
	case "path":
		text = r.ctx.Param(p.name)
	case "query":
		text = r.ctx.Query(p.name)
	case "header":
		text = r.ctx.Header(p.name)
	}
	if text = cmp.Or(text, p.unset); text == "" {
		if p.required {
			r.wrong(p.in, p.name, "", "required "+p.in+" parameter is missing")
		}
		return
	}
	value, err := parseParam(field, text)
	if err != nil {
		r.wrong(p.in, p.name, text, err.Error())
		return
	}
	huma.Validate(r.schemas(), p.schema, pathTo(p.in, p.name), huma.ModeWriteToServer, value, &r.found)
}

// parseParam reads a text into the field of a parameter. It returns the value in the form
// in which huma checks it.
func parseParam(field reflect.Value, text string) (any, error) {
	switch to := field.Addr().Interface().(type) {
	case *[]string:
		*to = strings.Split(text, ",")
		return *to, nil
	case *time.Time:
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil, errors.New("invalid date/time for format " + time.RFC3339Nano)
		}
		*to = at
		return text, nil
	case *int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, errors.New("invalid integer")
		}
		*to = int(n)
		return n, nil
	case *uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, errors.New("invalid integer")
		}
		*to = n
		return n, nil
	case *bool:
		is, err := strconv.ParseBool(text)
		if err != nil {
			return nil, errors.New("invalid boolean")
		}
		*to = is
		return is, nil
	}
	if field.Kind() != reflect.String {
		panic(fmt.Sprintf("web: a parameter of type %s cannot be read", field.Type()))
	}
	field.SetString(text)
	return text, nil
}

// readBody reads the body of the request into its field, and checks it. It returns false
// if there is nothing else to say about the request.
func (r *input) readBody(field reflect.Value) bool {
	r.ctx.SetReadDeadline(time.Now().Add(r.op.BodyReadTimeout))
	text, err := io.ReadAll(io.LimitReader(r.ctx.BodyReader(), r.op.MaxBodyBytes))
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case int64(len(text)) == r.op.MaxBodyBytes:
		r.status, r.problem = http.StatusRequestEntityTooLarge, fmt.Sprintf("request body is too large limit=%d bytes", r.op.MaxBodyBytes)
		return false
	case ok && timeout.Timeout():
		r.status, r.problem = http.StatusRequestTimeout, "request body read timeout"
		return false
	case err != nil:
		r.status, r.problem = http.StatusInternalServerError, "cannot read request body"
		r.found.Errors = []error{err}
		return false
	case len(text) == 0:
		r.status, r.problem = http.StatusBadRequest, "request body is required"
		return false
	}
	format := cmp.Or(r.ctx.Header("Content-Type"), "application/json")
	// huma checks values of any type, so the body is decoded twice.
	var anything any
	if err := r.api.Unmarshal(format, text, &anything); err != nil {
		r.status = http.StatusBadRequest
		if errors.Is(err, huma.ErrUnknownContentType) {
			r.status = http.StatusUnsupportedMediaType
		}
		r.found.Errors = append(r.found.Errors, &huma.ErrorDetail{Location: "body", Message: err.Error(), Value: string(text)})
		return true
	}
	before := len(r.found.Errors)
	huma.Validate(r.schemas(), r.schema, pathTo("body"), huma.ModeWriteToServer, anything, &r.found)
	if err := r.api.Unmarshal(format, text, field.Addr().Interface()); err != nil && len(r.found.Errors) == before {
		r.found.Errors = append(r.found.Errors, &huma.ErrorDetail{Location: "body", Message: err.Error(), Value: string(text)})
	}
	return true
}
