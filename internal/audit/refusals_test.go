package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func stranger(source, reason string) mgmt.AuditRecord {
	return mgmt.AuditRecord{Who: "unknown", Source: source, Request: "connect", Outcome: mgmt.AuditRefused, Reason: reason}
}

// summary shows records as SOURCE:REASON*TIMES.
func summary(list []mgmt.AuditRecord) string {
	var texts []string
	for _, rec := range list {
		text := rec.Source + " " + rec.Reason
		if rec.Times > 0 {
			text += fmt.Sprintf(" *%d", rec.Times)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

func TestRepeatedRefusalsBecomeFewRecords(t *testing.T) {
	r := audit.NewRefusals(audit.RefusalsConfig{})
	want := func(when string, got []mgmt.AuditRecord, want string) {
		t.Helper()
		if s := summary(got); s != want {
			t.Errorf("%s: got %q, want %q", when, s, want)
		}
	}
	now := start
	want("the first", r.Add(now, stranger("192.0.2.7:1", "x")), "192.0.2.7:1 x")
	want("another port", r.Add(now.Add(time.Second), stranger("192.0.2.7:2", "x")), "")
	want("another port", r.Add(now.Add(2*time.Second), stranger("192.0.2.7:3", "x")), "")
	want("another reason", r.Add(now.Add(3*time.Second), stranger("192.0.2.7:4", "y")), "192.0.2.7:4 y")
	want("another host", r.Add(now.Add(4*time.Second), stranger("192.0.2.8:1", "x")), "192.0.2.8:1 x")
	if at, ok := r.Next(); !ok || !at.Equal(now.Add(time.Minute)) {
		t.Errorf("the first window ends at %v, %t", at, ok)
	}
	want("before the end", r.Due(now.Add(time.Minute-1)), "")
	want("at the end", r.Due(now.Add(time.Minute)), "192.0.2.7:3 x *2")
	want("in the next window", r.Add(now.Add(61*time.Second), stranger("192.0.2.7:5", "x")), "")
	want("at its end", r.Due(now.Add(2*time.Minute)), "192.0.2.7:5 x *1")
	want("after a quiet window", r.Due(now.Add(3*time.Minute)), "")
	want("the first again", r.Add(now.Add(3*time.Minute), stranger("192.0.2.7:6", "x")), "192.0.2.7:6 x")
	want("a count of the listener's", r.Add(now.Add(3*time.Minute), mgmt.AuditRecord{
		Who: "unknown", Source: "192.0.2.7:7", Request: "connect", Outcome: mgmt.AuditRefused, Reason: "x", Times: 10,
	}), "")
	want("everything", r.Flush(), "192.0.2.7:7 x *10")
	if _, ok := r.Next(); ok {
		t.Error("something is left after Flush")
	}
}

func TestNumbersAndTimesInReasonsMakeNoOtherRefusals(t *testing.T) {
	tests := map[string]struct {
		first, second string
		one           bool
	}{
		"the clock":        {`agent/sensor-2 expired at 01:05:15, and the clock says 01:05:25: it is wrong by 10s`, `agent/sensor-2 expired at 01:05:15, and the clock says 01:05:26: it is wrong by 11s`, true},
		"a port":           {"read tcp4 192.0.2.1:2150->192.0.2.3:43702: connection reset", "read tcp4 192.0.2.1:2150->192.0.2.3:43712: connection reset", true},
		"another instance": {"the certificate of agent/sensor-2 was revoked", "the certificate of agent/sensor-3 was revoked", false},
		"another user":     {`user "1" is unknown`, `user "2" is unknown`, false},
		"another text":     {"10 s late", "10 s early", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := audit.NewRefusals(audit.RefusalsConfig{})
			r.Add(start, stranger("192.0.2.7:1", test.first))
			if got := r.Add(start, stranger("192.0.2.7:2", test.second)); (len(got) == 0) != test.one {
				t.Errorf("records of the second refusal: %v; the two are the same: %t", got, test.one)
			}
		})
	}
}

func TestRefusalsOfOneIPv6NetworkAreOne(t *testing.T) {
	r := audit.NewRefusals(audit.RefusalsConfig{})
	for _, c := range []struct {
		source string
		first  bool
	}{
		{"[2001:db8::1]:1", true}, {"[2001:db8::2]:1", false}, {"[2001:db8:0:1::1]:1", true},
		{"[::ffff:192.0.2.1]:1", true}, {"192.0.2.1:9", false}, {"192.0.2.1", false}, {"192.0.2.2:1", true},
		{"[fe80::1%eth0]:1", true}, {"[fe80::2%eth0]:2", false}, {"", true}, {"", false},
	} {
		if got := len(r.Add(start, stranger(c.source, "x"))) == 1; got != c.first {
			t.Errorf("%s is the first of its kind: %t, want %t", c.source, got, c.first)
		}
	}
}

func TestKindsOfRefusalsAreBounded(t *testing.T) {
	r := audit.NewRefusals(audit.RefusalsConfig{Kinds: 2})
	records := 0
	for i := range 1000 {
		records += len(r.Add(start, stranger(fmt.Sprintf("10.0.%d.%d:1", i/250, i%250), "x")))
	}
	if records != 2 {
		t.Errorf("%d records at once, want 2", records)
	}
	rest := r.Due(start.Add(time.Minute))
	if len(rest) != 1 || rest[0].Times != 998 || rest[0].Who != "many" || !strings.Contains(rest[0].Reason, "10.0.3.249:1") {
		t.Errorf("the rest is %+v", rest)
	}
	if _, ok := r.Next(); ok {
		t.Error("the table is not empty after its windows")
	}
}

func TestStrangerWithManyInventionsHidesNobodyElse(t *testing.T) {
	r := audit.NewRefusals(audit.RefusalsConfig{})
	records := 0
	for i := range 1000 {
		for _, source := range []string{"192.0.2.66:1", fmt.Sprintf("[2001:db8:0:%x::1]:1", i)} {
			records += len(r.Add(start, stranger(source, fmt.Sprintf("the request is for a host named \"a%d\"", i))))
		}
	}
	if records != 2*17 {
		t.Errorf("%d records of two strangers, want 17 of each", records)
	}
	user := mgmt.AuditRecord{Who: "ann", Role: mgmt.Viewer, Source: "192.0.2.66:9", Request: "deploy", Outcome: mgmt.AuditRefused, Reason: "ann may not"}
	for what, rec := range map[string]mgmt.AuditRecord{"a user at the same place": user, "another stranger": stranger("192.0.2.8:1", "x")} {
		if got := r.Add(start, rec); len(got) != 1 || got[0].Reason != rec.Reason {
			t.Errorf("%s: got %v", what, got)
		}
	}
	var times int
	for _, rec := range r.Due(start.Add(time.Minute)) {
		if !strings.Contains(rec.Reason, `the latest of the others: the request is for a host named "a999"`) {
			t.Errorf("at the end there is %+v", rec)
		}
		times += rec.Times
	}
	if times != 2*983 {
		t.Errorf("%d refusals were counted, want %d", times, 2*983)
	}
}

func TestStrangersDoNotHideUsers(t *testing.T) {
	r := audit.NewRefusals(audit.RefusalsConfig{Kinds: 2})
	for i := range 10 {
		r.Add(start, stranger(fmt.Sprintf("10.0.0.%d:1", i), "x"))
	}
	user := mgmt.AuditRecord{Who: "ann", Role: mgmt.Viewer, Source: "192.0.2.66:9", Request: "deploy", Outcome: mgmt.AuditRefused, Reason: "ann may not"}
	if got := r.Add(start, user); len(got) != 1 {
		t.Errorf("the refusal of a user is not recorded at once: %v", got)
	}
}

// memory is a log in memory.
type memory struct {
	mu   sync.Mutex
	list []mgmt.AuditRecord
	err  error
}

func (m *memory) Append(rec mgmt.AuditRecord) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.list = append(m.list, rec)
	}
	return m.err
}

func (m *memory) records() []mgmt.AuditRecord {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list
}

func TestRecorderCountsRefusalsAndWritesThemAtTheEndOfTheirMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		r := audit.NewRecorder(log, nil)
		ended := make(chan struct{})
		ctx, end := context.WithCancel(t.Context())
		go func() { defer close(ended); r.Run(ctx) }()
		r.Record(change(1))
		r.Record(stranger("192.0.2.7:1", "x"))
		if got := len(log.records()); got != 2 {
			t.Errorf("%d records when Record returns, want 2", got)
		}
		for range 5 {
			r.Record(stranger("192.0.2.7:1", "x"))
			r.Refused(stranger("192.0.2.8:1", "y"))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := summary(log.records()[1:]); got != "192.0.2.7:1 x; 192.0.2.8:1 y; 192.0.2.7:1 x *5; 192.0.2.8:1 y *4" {
			t.Errorf("after a minute: %s", got)
		}
		r.Refused(stranger("192.0.2.8:1", "y"))
		end()
		<-ended
		if got := summary(log.records()[5:]); got != "192.0.2.8:1 y *1" {
			t.Errorf("at the end: %s", got)
		}
	})
}

func TestRecorderSaysOnceThatTheAuditIsNotWritten(t *testing.T) {
	var said strings.Builder
	log := &memory{err: errors.New("disk full")}
	r := audit.NewRecorder(log, slog.New(slog.NewTextHandler(&said, nil)))
	for range 3 {
		r.Record(change(0))
	}
	if err := r.Err(); err == nil {
		t.Error("no error of a log that fails")
	}
	log.err = nil
	r.Record(change(0))
	if err := r.Err(); err != nil {
		t.Errorf("the error of a log that works again: %v", err)
	}
	if n, again := strings.Count(said.String(), "is not written"), strings.Count(said.String(), "written again"); n != 1 || again != 1 {
		t.Errorf("the log says:\n%s", said.String())
	}
}

func TestRefusalsThatWaitForTheDiskAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{}
		r := audit.NewRecorder(log, nil)
		for i := range 100 { // minutes
			for j := range 64 {
				r.Refused(stranger(fmt.Sprintf("10.0.%d.%d:1", i, j), "x"))
			}
			time.Sleep(time.Minute)
		}
		ctx, end := context.WithCancel(t.Context())
		end()
		r.Run(ctx)
		if got := len(log.records()); got != 1000 {
			t.Errorf("%d refusals were kept, want 1000", got)
		}
	})
}

func TestNilRecorderRecordsNothing(t *testing.T) {
	var r *audit.Recorder
	r.Record(change(0))
	r.Refused(change(0))
	if err := r.Err(); err != nil {
		t.Error(err)
	}
}
