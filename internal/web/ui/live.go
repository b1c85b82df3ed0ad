package ui

import (
	g "maragu.dev/gomponents"

	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// A Piece is a part of a page that a stream renews. Its element has the ID.
type Piece struct {
	ID, Text string
	// Row says that it is a row of a table.
	Row bool
}

// pieceOf returns the piece of an element.
func pieceOf(id string, n g.Node) Piece { return Piece{ID: id, Text: write(n)} }

// show shows a piece.
func (p Piece) show() g.Node { return g.Raw(p.Text) }

// live connects what a page shows to the stream that renews its pieces.
func live(path string, body ...g.Node) g.Node {
	return h.Div(append([]g.Node{h.Attr("hx-sse:connect", path), h.Attr("hx-swap", "none")}, body...)...)
}

// later is a part of a page that is loaded after it, because the controller asks an agent for
// it. Without a script it is a link.
func later(title, path string) g.Node {
	return Panel(title, h.Div(h.Attr("hx-get", path), h.Attr("hx-trigger", "load"), h.Attr("hx-select", "#part"), h.Attr("hx-swap", "outerHTML"),
		h.A(h.Href(path), h.Text("Show"))))
}

// part is what a page shows that is also loaded into others.
func part(body ...g.Node) g.Node { return h.Div(append([]g.Node{h.ID("part")}, body...)...) }

// tableOf is a table with a heading for each column. A heading that begins with "#" is for
// numbers.
func tableOf(label string, headings []string, rows g.Node) g.Node {
	return scroll(label, h.Table(h.Aria("label", label), h.THead(h.Tr(g.Map(headings, func(text string) g.Node {
		if text != "" && text[0] == '#' {
			return h.Th(h.Scope("col"), h.Class("num"), h.Text(text[1:]))
		}
		return h.Th(h.Scope("col"), h.Text(text))
	}))), rows))
}

// scroll is around a table that may be wider than the window. The keyboard reaches it, so that the
// arrow keys move it.
func scroll(label string, table g.Node) g.Node {
	return h.Div(h.Class("scroll"), h.TabIndex("0"), h.Role("group"), h.Aria("label", label), table)
}

func num(text string) g.Node { return h.Td(h.Class("num"), h.Text(text)) }

func cell(nodes ...g.Node) g.Node { return h.Td(nodes...) }

// none says that a list is empty.
func none(text string) g.Node { return h.P(h.Class("muted"), h.Text(text)) }

// words is a cell with a text that may be long.
func words(nodes ...g.Node) g.Node { return h.Td(append([]g.Node{h.Class("words")}, nodes...)...) }

// stacked is a table whose rows, on a narrow screen, are blocks with a line for each cell.
// Cells whose text says too little without the heading have it as a label.
func stacked(table g.Node) g.Node { return h.Div(h.Class("stacked"), table) }

// when is a cell of a stacked table with a time.
func when(label string, n g.Node) g.Node { return h.Td(h.Class("time"), h.Data("label", label), n) }

// labelled is a cell of a stacked table with a number.
func labelled(label, text string) g.Node {
	return h.Td(h.Class("num"), h.Data("label", label), h.Text(text))
}
