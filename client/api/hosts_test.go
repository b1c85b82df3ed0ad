package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
)

func TestWhatAgentsTell(t *testing.T) {
	for _, tc := range []struct {
		want, answer string
		do           func(*api.Client) error
	}{
		{"GET /api/v1/crashes?node=w", "{}", func(c *api.Client) error { _, err := c.Crashes(t.Context(), "w"); return err }},
		{"GET /api/v1/crashes/sensor-1/1a", "{}", func(c *api.Client) error { _, err := c.CrashRecord(t.Context(), "sensor-1", "1a"); return err }},
		{"GET /api/v1/hosts", "{}", func(c *api.Client) error { _, err := c.Hosts(t.Context(), false); return err }},
		{"GET /api/v1/hosts?fresh=true", "{}", func(c *api.Client) error { _, err := c.Hosts(t.Context(), true); return err }},
		{"GET /api/v1/nodes/w/diag?instance=sensor-1", "{}", func(c *api.Client) error { _, err := c.Diag(t.Context(), "w", "sensor-1"); return err }},
		{"GET /api/v1/nodes/w%2F1/logs?follow=true&instance=i&lines=9&stream=stderr", "text", func(c *api.Client) error {
			r, err := c.Logs(t.Context(), "w/1", api.LogsQuery{Instance: "i", Stderr: true, Lines: 9, Follow: true})
			if err != nil {
				return err
			}
			defer r.Close()
			if text, err := io.ReadAll(r); err != nil || string(text) != "text" {
				t.Errorf("got %q, %v", text, err)
			}
			return nil
		}},
	} {
		t.Run(tc.want, func(t *testing.T) {
			asked := make(chan string, 1)
			client := plain(t, api.Config{}, func(w http.ResponseWriter, r *http.Request) {
				asked <- r.Method + " " + r.RequestURI
				io.WriteString(w, tc.answer)
			})
			if err := tc.do(client); err != nil {
				t.Error(err)
			}
			if got := <-asked; got != tc.want {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestTextThatIsNotWhole(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(http.ResponseWriter)
		want string
	}{
		"with a reason":    {func(w http.ResponseWriter) { w.Header().Set(api.TrailerError, "node w is gone\x1b[2J") }, "node w is gone"},
		"without a reason": {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "was lost"},
	} {
		t.Run(name, func(t *testing.T) {
			client := plain(t, api.Config{}, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Trailer", api.TrailerError)
				io.WriteString(w, "begun")
				http.NewResponseController(w).Flush()
				tt.end(w)
			})
			r, err := client.Logs(t.Context(), "w", api.LogsQuery{})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			text, err := io.ReadAll(r)
			if string(text) != "begun" || err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\x1b") {
				t.Errorf("got %q, %v", text, err)
			}
		})
	}
}
