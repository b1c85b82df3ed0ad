package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// planOf sends the form of a configuration, and returns the page.
func planOf(s *site, text string) (int, string) {
	answer, page := s.send("/deploy/plan", nil, url.Values{"text": {text}}, "Origin: http://"+s.addr, "Authorization: Bearer operator")
	return answer.StatusCode, page
}

// A form takes a cluster file. A mistake is named with its line, next to the text.
func TestFormTakesAClusterFile(t *testing.T) {
	s := serveFleetOf(t, "w1")
	const good = "[instances]\na\n[w9]\ninstance = a\nrole = worker\ninterface = eth7\n"
	status, page := planOf(s, good)
	for _, want := range []string{"Deploy this cluster file?", "interface = eth7", `name="text"`} {
		if status != http.StatusOK || !strings.Contains(page, want) {
			t.Fatalf("a cluster file: got %d, want %q in: %s", status, want, page)
		}
	}
	status, page = planOf(s, good+"[w10]\ninstance = aa\nrole = worker\n")
	if want := "cluster file:8: instance &#34;aa&#34; is not listed in [instances]"; status != http.StatusOK || !strings.Contains(page, want) {
		t.Errorf("a warning: got %d, want %q in: %s", status, want, page)
	}
	for text, want := range map[string]string{
		good + "prot = 1\n":     "cluster file:7: invalid node &#34;w9&#34; configuration: unknown key &#34;prot&#34;; did you mean &#34;port&#34;?",
		"[w8]\nrole = worker\n": "cluster file:1: node &#34;w8&#34; lacks &#34;instance&#34;: name the instance that runs it",
		"x8\n":                  "cluster file:1: &#34;x8&#34; stands before the first section",
		// The directory would be one of the controller's host.
		good + "[bundle x]\npath = /etc\n": "the directory &#34;/etc&#34; cannot be read here: push it",
		"[w8\n<script>\n":                  "lacks the closing bracket of a section&#39;s header",
		heavyFile(129):                     "all values together, with what sections inherit, have more than 8388608 bytes",
	} {
		status, page := planOf(s, text)
		if status != http.StatusUnprocessableEntity || !strings.Contains(page, want) || !strings.Contains(page, `role="alert"`) {
			t.Errorf("%.40q: got %d, want %q in: %.3000s", text, status, want, page)
		}
		if first, _, _ := strings.Cut(text, "\n"); !strings.Contains(page, first) || strings.Contains(page, "<script>\n") {
			t.Errorf("%.40q is not in the form any more, or not as text: %.3000s", text, page)
		}
	}
	if status, page := planOf(s, heavyFile(127)); status == http.StatusUnprocessableEntity && strings.Contains(page, "all values together") {
		t.Errorf("a file below the bound: got %d: %.3000s", status, page)
	}
}

// heavyFile is a cluster file of n nodes that inherit 64 KiB each.
func heavyFile(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[DEFAULT]\ninterface = %s\n[instances]\na\n", strings.Repeat("x", 64<<10))
	for i := range n {
		fmt.Fprintf(&b, "[w%d]\ninstance = a\nrole = worker\n", i)
	}
	return b.String()
}
