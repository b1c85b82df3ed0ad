package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/site"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// serveHTTP answers every request. What it refuses never reaches an operation.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(connKey{}).(*conn)
	defer c.busy()()
	setHeaders(w.Header())
	if r.URL.Path == api.PathLive { // pages of other controllers ask, too
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	operation, own := unknownOperation, w // net/http closes its own connections alone
	if s.cfg.Counted != nil {
		counting := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		w = counting
		defer func(began time.Time) {
			if !lasting[operation] {
				s.cfg.Counted(operation, counting.status, time.Since(began))
			}
		}(time.Now())
	}
	c, err := passedOn(c, r)
	if err == nil && c.By == "" {
		err = s.check(c, r)
	}
	if err != nil {
		s.refusing(stranger(c), "connect", "http", err.Error())
		s.tell(w, r, http.StatusForbidden, err.Error())
		return
	}
	if s.cfg.Pass != nil {
		s.cfg.Pass(w, r, c.Connection)
		return
	}
	if c.By != "" {
		r = r.WithContext(context.WithValue(r.Context(), connKey{}, c))
	}
	asks := r.Header.Get("Accept")
	r.Header.Set("Accept", accepted(asks))
	routes := s.api()
	handler, pattern := routes.mux.Handler(r)
	if pattern == "" {
		r.Header.Set("Accept", asks)
		s.notFound(w, r, handler)
		return
	}
	if id := routes.ids[pattern]; id != "" {
		operation = id
	}
	most := s.cfg.MaxBody
	switch {
	case routes.large[pattern]:
		most = max(most, s.cfg.MaxConfiguration)
	case routes.parts[pattern]:
		most = max(most, api.MaxUploadPart)
	}
	end, ok := s.retiring.begin(operation)
	if !ok {
		refuseRetired(s, w, r)
		return
	}
	defer end()
	if changesNothing(r.Method, operation) {
		w = &harmless{w, r.Context()}
	}
	r.Body = http.MaxBytesReader(own, r.Body, int64(most)+1)
	if c.By != "" && r.ContentLength != 0 {
		r.Body = withBeginning(r.Body)
	}
	routes.mux.ServeHTTP(w, r)
}

// withBeginning reads the beginning of a body. The controller that passes a request on takes from that that
// the request may be carried out from now on. So that holds as well for an operation that does not
// read its body.
func withBeginning(body io.ReadCloser) io.ReadCloser {
	first := bufio.NewReader(body)
	first.Peek(1) // an error comes again
	return struct {
		io.Reader
		io.Closer
	}{first, body}
}

// passedOn returns the connection of the user for whom a request is made. It is c, unless c
// is of a controller that passes the request on. That controller has made the checks of
// check.
func passedOn(c *conn, r *http.Request) (*conn, error) {
	headers := r.Header.Values(websocket.ForHeader)
	switch {
	case len(headers) == 0:
		return c, nil
	case len(headers) > 1 || c.For == nil:
		return c, errors.New("only controllers of this cluster may ask for others, with one " + websocket.ForHeader)
	}
	user, err := c.For(headers[0])
	if err != nil {
		return c, err
	}
	c.known.Store(true)
	if paced, ok := c.Conn.(interface{ Pace(counts bool) }); ok {
		paced.Pace(false) // many users share the connection
	}
	user.Conn = unpaced{c.Conn}
	return newConn(user, time.Now(), func(*conn) {}), nil
}

// unpaced is a connection whose pace was set.
type unpaced struct{ net.Conn }

// unknownOperation is counted for what is no operation.
const unknownOperation = "none"

// lasting are the operations that last as long as the asker likes. How long they took says
// nothing.
var lasting = map[string]bool{"stream-events": true, "read-logs": true, pageStream: true}

// statusWriter keeps the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets an http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// policy lets a page load what this site serves, and nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// policyFor is the policy of a page that may ask other controllers whether they live.
func policyFor(others []string) string {
	return strings.Replace(policy, "connect-src 'self'", strings.Join(append([]string{"connect-src 'self'"}, others...), " "), 1)
}

// setHeaders sets what each answer says to browsers.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Server", "zeekfleet")
}

var errPlain = errors.New("this controller takes plain HTTP from its own host alone: use https")

// check refuses requests that web pages of other sites make browsers send, and plain text
// that has crossed a network.
func (s *Server) check(c *conn, r *http.Request) error {
	if !c.Secure && !c.Here && !s.cfg.PlainElsewhere {
		return errPlain
	}
	origins := r.Header.Values("Origin")
	if len(origins) > 1 {
		return errors.New("the request has more than one Origin")
	}
	if err := site.Check(r.Host, strings.Join(origins, ""), s.cfg.HostNames); err != nil {
		return err
	}
	if s.crossing.Check(r) != nil || embedded(r) {
		return errors.New("the request comes from a page of another site")
	}
	return nil
}

// embedded reports whether a page of another site has made a browser read something in the
// page's own name. The page cannot see the answer, but the answer may be a stream that never
// ends, or all agents may be asked for it. A link that somebody has followed is no such thing.
func embedded(r *http.Request) bool {
	if r.URL.Path == api.PathLive {
		return false // a page of another controller asks whether this one lives
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
	}
	return false
}

// notFound answers a request that is for no operation. refuse is the mux's own answer,
// whose text is for people.
func (s *Server) notFound(w http.ResponseWriter, r *http.Request, refuse http.Handler) {
	found := &statusOnly{header: http.Header{}}
	refuse.ServeHTTP(found, r)
	if allow := found.header.Get("Allow"); allow != "" {
		w.Header().Set("Allow", allow)
		s.tell(w, r, http.StatusMethodNotAllowed, "this path takes "+allow)
		return
	}
	s.tell(w, r, http.StatusNotFound, "there is nothing at this path; "+api.PathOpenAPI+".yaml describes what there is")
}

// accepted returns which of our two media types the asker wants. An Accept header can
// have any form.
func accepted(accept string) string {
	if strings.Contains(accept, api.ContentNDJSON) {
		return api.ContentNDJSON
	}
	return "application/json"
}

// statusOnly is a ResponseWriter that keeps the header alone.
type statusOnly struct{ header http.Header }

func (s *statusOnly) Header() http.Header            { return s.header }
func (s *statusOnly) Write(text []byte) (int, error) { return len(text), nil }
func (s *statusOnly) WriteHeader(int)                {}

// tell answers a request that reaches no operation with an error: with a page, if a person
// asks.
func (s *Server) tell(w http.ResponseWriter, r *http.Request, status int, detail string) {
	if !wantsPage(r) {
		writeProblem(w, status, detail)
		return
	}
	v := s.visit(w, r)
	if status == http.StatusNotFound {
		detail = "there is no page with this address"
		if who, err := s.who(v.who.conn, r); err == nil {
			v.who = who
		}
	}
	pages{s}.fail(page{}, v, status, detail)
}

// writeProblem answers with an error.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	text, err := json.Marshal(api.Problem{Title: http.StatusText(status), Status: status, Detail: detail})
	if err != nil {
		panic("web: a problem cannot be encoded: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	w.Write(append(text, '\n'))
}
