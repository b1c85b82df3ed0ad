package etcdstore

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quietFor is how long a warning of etcd is not repeated. While a member is away, etcd says so
// several times a second.
const quietFor = time.Minute

// worthSaying are parts of those warnings of etcd that tell an operator something: a member is
// away, or a disk or a network is slow. etcd has many others, also when all is well.
var worthSaying = []string{
	"peer became inactive", "quorum is not active", "slow fdatasync", "heartbeat on time", "apply request took too long", "clock",
	"database space exceeded", "alarm",
}

// harmless are parts of those errors of etcd that come while all is well. A new member says the
// first one when it starts, because its database is empty.
var harmless = []string{"failed to update storage version"}

// zapCore writes what etcd says to a slog.Logger. Its errors are warnings, and few of its
// warnings are information. The rest is for debugging: what a person must know comes out
// of Health and Failed.
type zapCore struct {
	log    *slog.Logger
	fields []zapcore.Field
	said   *said
	ended  func(err string) // with what the server says when it ends by itself
}

// said remembers when each warning was logged.
type said struct {
	mu   sync.Mutex
	when map[string]time.Time
}

const maxSaid = 1000

// again reports that a message was logged a short time ago.
func (s *said) again(message string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.when[message]; ok && now.Sub(last) < quietFor {
		return true
	}
	if len(s.when) >= maxSaid {
		clear(s.when)
	}
	s.when[message] = now
	return false
}

// newZap returns a logger for etcd. When etcd would end the process or panic, fatal gets what
// it said, and the goroutine of etcd stops for ever: what it holds stays locked, so that
// nothing goes on from a state that it could not write.
func newZap(log *slog.Logger, ended, fatal func(message string)) *zap.Logger {
	core := &zapCore{log: log, said: &said{when: map[string]time.Time{}}, ended: ended}
	hook := stopHook(fatal)
	return zap.New(core, zap.WithFatalHook(hook), zap.WithPanicHook(hook))
}

type stopHook func(message string)

func (h stopHook) OnWrite(ce *zapcore.CheckedEntry, fields []zapcore.Field) {
	h(withErrors(ce.Message, fields))
	select {}
}

// withErrors returns a message with the errors that were logged with it.
func withErrors(message string, fields []zapcore.Field) string {
	for _, f := range fields {
		if err, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
			message = strings.TrimPrefix(message+": "+err.Error(), ": ")
		}
	}
	return message
}

func level(l zapcore.Level, message string) slog.Level {
	switch {
	case slices.ContainsFunc(harmless, func(part string) bool { return strings.Contains(message, part) }):
		return slog.LevelDebug
	case l >= zapcore.ErrorLevel:
		return slog.LevelWarn
	case l == zapcore.WarnLevel && slices.ContainsFunc(worthSaying, func(part string) bool { return strings.Contains(message, part) }):
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

func (c *zapCore) Enabled(l zapcore.Level) bool {
	return l >= zapcore.WarnLevel || c.log.Enabled(context.TODO(), slog.LevelDebug)
}

func (c *zapCore) With(fields []zapcore.Field) zapcore.Core {
	with := *c
	with.fields = append(c.fields[:len(c.fields):len(c.fields)], fields...)
	return &with
}

func (c *zapCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// serverError is what etcd says, with an error, before its server ends by itself.
const serverError = "server error"

func (c *zapCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	if e.Message == serverError {
		c.ended(withErrors("", fields))
	}
	l := level(e.Level, e.Message)
	if l > slog.LevelDebug && c.said.again(e.Message, e.Time) {
		l = slog.LevelDebug
	}
	if !c.log.Enabled(context.TODO(), l) {
		return nil
	}
	enc := zapcore.NewMapObjectEncoder()
	for _, list := range [][]zapcore.Field{c.fields, fields} {
		for _, f := range list {
			f.AddTo(enc)
		}
	}
	attrs := make([]slog.Attr, 0, 2)
	if err, ok := enc.Fields["error"]; ok {
		attrs = append(attrs, slog.String("err", fmt.Sprint(err)))
		delete(enc.Fields, "error")
	}
	if len(enc.Fields) > 0 {
		attrs = append(attrs, slog.Any("etcd", enc.Fields))
	}
	c.log.LogAttrs(context.TODO(), l, "etcd: "+e.Message, attrs...)
	return nil
}

func (c *zapCore) Sync() error { return nil }
