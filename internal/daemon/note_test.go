package daemon_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
)

func TestErrInTheLogIsForErrorsAlone(t *testing.T) {
	for _, tt := range []struct {
		level slog.Level
		text  string
		want  string
	}{
		{slog.LevelInfo, "agent says", "why=x"},
		{slog.LevelWarn, "configuration is doubtful", "why=x"},
		{slog.LevelWarn, "node changed", "why=x"},
		{slog.LevelWarn, "request refused", "err=x"},
		{slog.LevelError, "state not saved", "err=x"},
	} {
		var log bytes.Buffer
		daemon.WriteNote(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), note.Note{Level: note.Level(tt.level), Text: tt.text, Err: "x"})
		if got := log.String(); !strings.Contains(got, " "+tt.want) || strings.Contains(got, "node=") {
			t.Errorf("%s: got %s, want %s", tt.text, got, tt.want)
		}
	}
}
