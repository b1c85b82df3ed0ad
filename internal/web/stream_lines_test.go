package web_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/web"
)

// The end of a line in a name is no line of a stream: it could be an event of its own.
func TestNamesInStreamsOfPagesAreNoEvents(t *testing.T) {
	s := serve(t, web.Config{Authority: loggingIn(), Cluster: fleetOf("a\n\nevent: gone\ndata: []\r\revent: all\r")}, nil)
	w := s.watch("/fleet/stream", "viewer")
	var lines []string
	for {
		line, err := w.lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
		if line == "event: seen\n" {
			break
		}
	}
	for _, line := range lines {
		if strings.Contains(line, "\r") || line != "\n" && line != "event: all\n" && line != "event: you\n" && line != "event: parts\n" && line != "event: seen\n" &&
			!strings.HasPrefix(line, "data: ") && !strings.HasPrefix(line, "retry: ") {
			t.Errorf("got the line %q", line)
		}
	}
}
