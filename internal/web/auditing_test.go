package web_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

var someRecords = []mgmt.AuditRecord{
	{
		Time: noon, Who: "ann", Role: mgmt.Admin, Source: "192.0.2.7", Request: "deploy", Subject: "id-3", Outcome: mgmt.AuditDone, Revision: "id-3",
	},
	{Time: noon.Add(time.Hour), Who: "unknown at 192.0.2.9", Request: "connect", Outcome: mgmt.AuditRefused, Reason: "no certificate", Times: 7},
	{Time: noon.Add(2 * time.Hour), Who: "ann", Role: mgmt.Admin, Request: "user add", Subject: "bob", Outcome: mgmt.AuditDone},
}

func newBook(recs ...mgmt.AuditRecord) *book {
	b := &book{grew: make(chan struct{}), more: make(chan struct{})}
	for _, r := range recs {
		b.add(r)
	}
	return b
}

func TestAudit(t *testing.T) {
	s := serve(t, web.Config{Audit: newBook(someRecords...)}, nil)
	c := s.client("admin")
	utc := noon.UTC()
	all := []api.AuditRecord{
		{Seq: 1, Time: utc, Who: "ann", Role: "admin", Source: "192.0.2.7", Request: "deploy", Subject: "id-3", Outcome: "done", Revision: "id-3"},
		{Seq: 2, Time: utc.Add(time.Hour), Who: "unknown at 192.0.2.9", Role: "nobody", Request: "connect", Outcome: "refused", Reason: "no certificate", Times: 7},
		{Seq: 3, Time: utc.Add(2 * time.Hour), Who: "ann", Role: "admin", Request: "user add", Subject: "bob", Outcome: "done"},
	}
	for name, tc := range map[string]struct {
		query api.AuditQuery
		want  []api.AuditRecord
	}{
		"everything":         {api.AuditQuery{}, all},
		"of a user":          {api.AuditQuery{User: "ann"}, []api.AuditRecord{all[0], all[2]}},
		"since then":         {api.AuditQuery{Since: noon.Add(time.Minute)}, all[1:]},
		"after a record":     {api.AuditQuery{After: 2}, all[2:]},
		"as many":            {api.AuditQuery{Limit: 1}, all[:1]},
		"nothing, at once":   {api.AuditQuery{After: 3}, []api.AuditRecord{}},
		"nothing, in a time": {api.AuditQuery{User: "ann", After: 3, Wait: time.Second}, nil},
	} {
		if tc.want == nil {
			continue
		}
		got, err := c.Audit(t.Context(), tc.query)
		if err != nil || !cmp.Equal(got, tc.want) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestAuditAsLines(t *testing.T) {
	s := serve(t, web.Config{Audit: newBook(someRecords...)}, nil)
	answer, body := s.ask("GET", "/api/v1/audit?user=ann", "admin", "", "Accept: application/x-ndjson")
	want := `{"seq":1,"time":"2026-07-01T12:00:00Z","who":"ann","role":"admin","source":"192.0.2.7","request":"deploy","subject":"id-3","outcome":"done","revision":"id-3"}
{"seq":3,"time":"2026-07-01T14:00:00Z","who":"ann","role":"admin","request":"user add","subject":"bob","outcome":"done"}
`
	if kind := answer.Header.Get("Content-Type"); kind != "application/x-ndjson" || body != want {
		t.Errorf("got %s: %s", kind, body)
	}
	answer, body = s.ask("GET", "/api/v1/audit?limit=0", "admin", "", "Accept: application/x-ndjson")
	if answer.StatusCode != http.StatusUnprocessableEntity || !strings.HasPrefix(body, `{"title":`) {
		t.Errorf("an error: got %s: %s", answer.Status, body)
	}
}

// A request that waits is answered by the first record that it asks for.
func TestAuditFollows(t *testing.T) {
	log := newBook(someRecords...)
	s := serve(t, web.Config{Audit: log}, nil)
	type answer struct {
		recs []api.AuditRecord
		err  error
	}
	answers := make(chan answer, 1)
	c := s.client("admin")
	go func() {
		recs, err := c.Audit(t.Context(), api.AuditQuery{User: "bob", After: 3, Wait: time.Minute})
		answers <- answer{recs, err}
	}()
	patience.Next(t, log.grew, "a request that waits")
	log.add(mgmt.AuditRecord{Who: "eve", Time: noon})
	log.more <- struct{}{}
	patience.Next(t, log.grew, "a request that waits for somebody else")
	log.add(mgmt.AuditRecord{Who: "bob", Time: noon})
	log.more <- struct{}{}
	got := patience.Next(t, answers, "the answer")
	if got.err != nil || len(got.recs) != 1 || got.recs[0].Seq != 5 {
		t.Errorf("got %+v", got)
	}
}

// Whoever loses the role while a request waits does not get what happened meanwhile.
func TestAuditEndsWithTheRoleOfItsReader(t *testing.T) {
	for name, after := range map[string]func(string) (mgmt.Principal, error){
		"a lower role": func(string) (mgmt.Principal, error) { return users["operator"], nil },
		"nobody":       func(string) (mgmt.Principal, error) { return mgmt.Principal{}, errNobody },
	} {
		log := newBook()
		var judge atomic.Value
		judge.Store(who)
		s := serve(t, web.Config{Audit: log}, func(c *web.Connection) {
			c.Who = func(bearer string) (mgmt.Principal, error) {
				return judge.Load().(func(string) (mgmt.Principal, error))(bearer)
			}
		})
		bodies := make(chan string, 1)
		go func() {
			_, body := s.ask("GET", "/api/v1/audit?wait=60", "admin", "")
			bodies <- body
		}()
		patience.Next(t, log.grew, "a request that waits")
		judge.Store(after)
		log.add(mgmt.AuditRecord{Who: "bob", Time: noon})
		log.more <- struct{}{}
		if body := patience.Next(t, bodies, "the answer"); strings.Contains(body, "bob") {
			t.Errorf("%s: got %s", name, body)
		}
	}
}

func TestWaitsAreBounded(t *testing.T) {
	log := newBook()
	s := serve(t, web.Config{Audit: log, Limits: web.Limits{MaxWait: time.Millisecond}}, nil)
	if answer, body := s.ask("GET", "/api/v1/audit?wait=60", "admin", ""); answer.StatusCode != http.StatusOK || body != "{\"items\":[]}\n" {
		t.Errorf("got %s: %s", answer.Status, body)
	}
	if answer, _ := s.ask("GET", "/api/v1/audit?wait=61", "admin", ""); answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("61 s: got %s", answer.Status)
	}
}

// Nobody else records what the server refuses by itself.
func TestRefusalsAreInTheAudit(t *testing.T) {
	refused := make(chan mgmt.AuditRecord, 10)
	s := serve(t, web.Config{
		Authority: &office{}, Audit: newBook(), Refused: func(r mgmt.AuditRecord) { refused <- r }, Limits: web.Limits{AttemptsBurst: 1},
	}, nil)
	reason := access.Denied(users["operator"], "read the audit", mgmt.Admin)
	login := `{"token":"t","key":"k"}`
	s.ask("POST", "/api/v1/login", "", login)
	const nobody = "unknown at 127.0.0.1"
	for _, tc := range []struct {
		method, path, bearer, body, header string
		want                               *mgmt.AuditRecord
	}{
		{"GET", "/api/v1/audit", "operator", "", "", &mgmt.AuditRecord{Who: "opal", Role: mgmt.Operator, Request: "audit", Reason: reason}},
		{"GET", "/api/v1/users", "", "", "", &mgmt.AuditRecord{Who: nobody, Request: "user list", Reason: errNobody.Error()}},
		{"POST", "/api/v1/login", "", login, "", &mgmt.AuditRecord{Who: nobody, Request: "login", Reason: "there were too many attempts"}},
		{"GET", "/api/v1/users", "admin", "", "Sec-Fetch-Mode: cors\r\nOrigin: http://evil.example", &mgmt.AuditRecord{
			Who: nobody, Request: "connect", Subject: "http",
			Reason: `the request comes from a page of another site, "http://evil.example"; its Origin must be its Host, or absent`,
		}},
		{"GET", "/api/v1/whoami", "", "", "", nil}, // a page asks in this way whether somebody has logged in
		{"GET", "/nothing", "", "", "", nil},
	} {
		header := tc.header
		if header == "" {
			header = "X: y"
		}
		s.ask(tc.method, tc.path, tc.bearer, tc.body, header)
		if tc.want == nil {
			if n := len(refused); n != 0 {
				t.Errorf("%s: %d records", tc.path, n)
			}
			continue
		}
		got := patience.Next(t, refused, "the record")
		if !strings.HasPrefix(got.Source, "127.0.0.1:") {
			t.Errorf("%s: the source is %s", tc.path, got.Source)
		}
		got.Source, tc.want.Outcome = "", mgmt.AuditRefused
		if got != *tc.want {
			t.Errorf("%s: got %+v", tc.path, got)
		}
	}
}

// The log of the controller is an Audit.
var _ web.Audit = (*audit.Log)(nil)
