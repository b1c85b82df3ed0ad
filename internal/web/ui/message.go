package ui

import (
	"fmt"
	"net/http"

	g "maragu.dev/gomponents"

	h "github.com/zeekfleet/zeekfleet/internal/web/ui/html"
)

// headings says what an HTTP status means, for people.
var headings = map[int]string{
	http.StatusBadRequest:            "The request is not understood",
	http.StatusUnauthorized:          "You are not logged in",
	http.StatusForbidden:             "You may not do this",
	http.StatusNotFound:              "There is nothing here",
	http.StatusMethodNotAllowed:      "This page cannot be asked for in this way",
	http.StatusConflict:              "This does not go together with what goes on",
	http.StatusGone:                  "This is no longer kept",
	http.StatusPreconditionFailed:    "Something has changed meanwhile",
	http.StatusRequestEntityTooLarge: "That is too much",
	http.StatusUnprocessableEntity:   "This was not accepted",
	http.StatusTooManyRequests:       "Too many attempts",
	http.StatusNotImplemented:        "This controller does not do this",
	http.StatusBadGateway:            "The instance did not answer",
	http.StatusServiceUnavailable:    "The controller cannot answer now",
}

// ErrorPage is the page of an error. Its sentence is also what stands in a panel that a page
// loads later and that cannot be had.
func ErrorPage(status int, detail string) Content {
	heading, ok := headings[status]
	if !ok {
		heading = "Something went wrong"
	}
	return Content{Title: heading, Body: h.Div(h.Class("narrow"),
		h.H1(h.Text(heading)),
		part(h.Div(h.Class("note bad"), h.Role("alert"), h.Text(detail))),
		h.P(h.Class("muted"), h.Text(fmt.Sprintf("%d %s", status, http.StatusText(status)))),
		h.P(g.If(status == http.StatusUnauthorized, ButtonLink(PathLogin, "Log in", "primary")), h.Text(" "), ButtonLink(PathHome, "Go to the fleet")),
	)}
}

// DonePage says that something is done, and where the browser goes on.
func DonePage(text, onward string) Content {
	return Content{Title: text, Onward: onward, Body: h.Div(h.Class("narrow"), h.P(h.Text(text+". "), h.A(h.Href(onward), h.Text("Go on"))))}
}
