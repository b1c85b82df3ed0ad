// Package html has the elements and attributes of HTML that the pages use, as gomponents has
// them. The compiler copies the functions of gomponents into each place that calls them: with
// two thousand such places that is 0.8 MB of the program. It does not copy these. The package
// starts nothing.
package html

import (
	g "maragu.dev/gomponents"
	h "maragu.dev/gomponents/html"
)

// Text is text. It is escaped.
//
//go:noinline
func Text(text string) g.Node { return g.Text(text) }

// Attr is an attribute. Its value is escaped.
//
//go:noinline
func Attr(name string, value ...string) g.Node { return g.Attr(name, value...) }

// The functions below have the names of the elements and attributes.

//go:noinline
func A(children ...g.Node) g.Node { return h.A(children...) }

//go:noinline
func Action(v string) g.Node { return h.Action(v) }

//go:noinline
func Aria(name, v string) g.Node { return h.Aria(name, v) }

//go:noinline
func AutoComplete(v string) g.Node { return h.AutoComplete(v) }

//go:noinline
func AutoFocus() g.Node { return h.AutoFocus() }

//go:noinline
func Body(children ...g.Node) g.Node { return h.Body(children...) }

//go:noinline
func Button(children ...g.Node) g.Node { return h.Button(children...) }

//go:noinline
func Charset(v string) g.Node { return h.Charset(v) }

//go:noinline
func Class(v string) g.Node { return h.Class(v) }

//go:noinline
func Code(children ...g.Node) g.Node { return h.Code(children...) }

//go:noinline
func ColSpan(v string) g.Node { return h.ColSpan(v) }

//go:noinline
func Content(v string) g.Node { return h.Content(v) }

//go:noinline
func Data(name, v string) g.Node { return h.Data(name, v) }

//go:noinline
func DateTime(v string) g.Node { return h.DateTime(v) }

//go:noinline
func Dd(children ...g.Node) g.Node { return h.Dd(children...) }

//go:noinline
func Defer() g.Node { return h.Defer() }

//go:noinline
func Details(children ...g.Node) g.Node { return h.Details(children...) }

//go:noinline
func Div(children ...g.Node) g.Node { return h.Div(children...) }

//go:noinline
func Dl(children ...g.Node) g.Node { return h.Dl(children...) }

//go:noinline
func Doctype(sibling g.Node) g.Node { return h.Doctype(sibling) }

//go:noinline
func Dt(children ...g.Node) g.Node { return h.Dt(children...) }

//go:noinline
func Footer(children ...g.Node) g.Node { return h.Footer(children...) }

//go:noinline
func Form(children ...g.Node) g.Node { return h.Form(children...) }

//go:noinline
func H1(children ...g.Node) g.Node { return h.H1(children...) }

//go:noinline
func H2(children ...g.Node) g.Node { return h.H2(children...) }

//go:noinline
func H3(children ...g.Node) g.Node { return h.H3(children...) }

//go:noinline
func HTML(children ...g.Node) g.Node { return h.HTML(children...) }

//go:noinline
func Head(children ...g.Node) g.Node { return h.Head(children...) }

//go:noinline
func Header(children ...g.Node) g.Node { return h.Header(children...) }

//go:noinline
func Href(v string) g.Node { return h.Href(v) }

//go:noinline
func ID(v string) g.Node { return h.ID(v) }

//go:noinline
func Input(children ...g.Node) g.Node { return h.Input(children...) }

//go:noinline
func Label(children ...g.Node) g.Node { return h.Label(children...) }

//go:noinline
func Lang(v string) g.Node { return h.Lang(v) }

//go:noinline
func Li(children ...g.Node) g.Node { return h.Li(children...) }

//go:noinline
func Link(children ...g.Node) g.Node { return h.Link(children...) }

//go:noinline
func Main(children ...g.Node) g.Node { return h.Main(children...) }

//go:noinline
func Max(v string) g.Node { return h.Max(v) }

//go:noinline
func MaxLength(v string) g.Node { return h.MaxLength(v) }

//go:noinline
func Meta(children ...g.Node) g.Node { return h.Meta(children...) }

//go:noinline
func Method(v string) g.Node { return h.Method(v) }

//go:noinline
func Min(v string) g.Node { return h.Min(v) }

//go:noinline
func Name(v string) g.Node { return h.Name(v) }

//go:noinline
func Nav(children ...g.Node) g.Node { return h.Nav(children...) }

//go:noinline
func Option(children ...g.Node) g.Node { return h.Option(children...) }

//go:noinline
func P(children ...g.Node) g.Node { return h.P(children...) }

//go:noinline
func Placeholder(v string) g.Node { return h.Placeholder(v) }

//go:noinline
func Pre(children ...g.Node) g.Node { return h.Pre(children...) }

//go:noinline
func Progress(children ...g.Node) g.Node { return h.Progress(children...) }

//go:noinline
func Rel(v string) g.Node { return h.Rel(v) }

//go:noinline
func Required() g.Node { return h.Required() }

//go:noinline
func Role(v string) g.Node { return h.Role(v) }

//go:noinline
func Scope(v string) g.Node { return h.Scope(v) }

//go:noinline
func Script(children ...g.Node) g.Node { return h.Script(children...) }

//go:noinline
func Section(children ...g.Node) g.Node { return h.Section(children...) }

//go:noinline
func Select(children ...g.Node) g.Node { return h.Select(children...) }

//go:noinline
func Selected() g.Node { return h.Selected() }

//go:noinline
func Span(children ...g.Node) g.Node { return h.Span(children...) }

//go:noinline
func Src(v string) g.Node { return h.Src(v) }

//go:noinline
func Strong(children ...g.Node) g.Node { return h.Strong(children...) }

//go:noinline
func Summary(children ...g.Node) g.Node { return h.Summary(children...) }

//go:noinline
func TBody(children ...g.Node) g.Node { return h.TBody(children...) }

//go:noinline
func THead(children ...g.Node) g.Node { return h.THead(children...) }

//go:noinline
func TabIndex(v string) g.Node { return h.TabIndex(v) }

//go:noinline
func Table(children ...g.Node) g.Node { return h.Table(children...) }

//go:noinline
func Td(children ...g.Node) g.Node { return h.Td(children...) }

//go:noinline
func Textarea(children ...g.Node) g.Node { return h.Textarea(children...) }

//go:noinline
func Th(children ...g.Node) g.Node { return h.Th(children...) }

//go:noinline
func Time(children ...g.Node) g.Node { return h.Time(children...) }

//go:noinline
func Title(v string) g.Node { return h.Title(v) }

//go:noinline
func TitleEl(children ...g.Node) g.Node { return h.TitleEl(children...) }

//go:noinline
func Tr(children ...g.Node) g.Node { return h.Tr(children...) }

//go:noinline
func Type(v string) g.Node { return h.Type(v) }

//go:noinline
func Ul(children ...g.Node) g.Node { return h.Ul(children...) }

//go:noinline
func Value(v string) g.Node { return h.Value(v) }
