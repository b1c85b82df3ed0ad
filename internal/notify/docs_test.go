package notify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/notify"
)

// genuine is the example in Go of docs/operations.md, word for word.
func genuine(key []byte, h http.Header, body []byte) bool {
	stamp := h.Get("X-Zeekfleet-Timestamp")
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	at, err := strconv.ParseInt(stamp, 10, 64)
	return err == nil && time.Since(time.Unix(at, 0)).Abs() < 5*time.Minute &&
		hmac.Equal([]byte("sha256="+hex.EncodeToString(mac.Sum(nil))), []byte(h.Get("X-Zeekfleet-Signature")))
}

// example returns the example of docs/operations.md in a language that begins with a line.
func example(t *testing.T, language, first string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(text), "```"+language+"\n")[1:] {
		if block, _, ok := strings.Cut(part, "```"); ok && strings.HasPrefix(block, first) {
			return block
		}
	}
	t.Fatalf("docs/operations.md has no example in %s that begins with %s", language, first)
	return ""
}

// signed is a message as a receiver gets it.
type signed struct {
	key, stamp, signature, body string
	genuine                     bool
}

func signedMessages() map[string]signed {
	at := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	const key, body = "a key of the pager", `{"text":"w-1 has crashed: \"ü\" <&>"}`
	sign := func(stamp string) string { return notify.Sign([]byte(key), stamp, []byte(body)) }
	return map[string]signed{
		"genuine":             {key, at(0), sign(at(0)), body, true},
		"another key":         {"another key of it", at(0), sign(at(0)), body, false},
		"another body":        {key, at(0), sign(at(0)), body + " ", false},
		"another time":        {key, at(time.Minute), sign(at(0)), body, false},
		"an old one":          {key, at(-time.Hour), sign(at(-time.Hour)), body, false},
		"one from the future": {key, at(time.Hour), sign(at(time.Hour)), body, false},
		"no signature":        {key, at(0), "", body, false},
	}
}

func TestTheExampleInGoToldInTheDocumentsKnowsAGenuineMessage(t *testing.T) {
	source, err := os.ReadFile("docs_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if want := example(t, "go", "func genuine("); !strings.Contains(string(source), "\n"+want+"\n") {
		t.Errorf("the example in docs/operations.md is another one than that of this test:\n%s", want)
	}
	for name, m := range signedMessages() {
		h := http.Header{}
		h.Set(notify.HeaderTimestamp, m.stamp)
		h.Set(notify.HeaderSignature, m.signature)
		if got := genuine([]byte(m.key), h, []byte(m.body)); got != m.genuine {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestTheExampleInPythonToldInTheDocumentsKnowsAGenuineMessage(t *testing.T) {
	program := example(t, "python", "import hashlib") + `
import sys
key, stamp, signature = sys.argv[1:]
headers = {"X-Zeekfleet-Timestamp": stamp, "X-Zeekfleet-Signature": signature}
print(genuine(key.encode(), headers, sys.stdin.buffer.read()))
`
	for name, m := range signedMessages() {
		python := exec.CommandContext(t.Context(), "python3", "-I", "-c", program, m.key, m.stamp, m.signature)
		python.Stdin = strings.NewReader(m.body)
		out, err := python.CombinedOutput()
		if want := map[bool]string{true: "True\n", false: "False\n"}[m.genuine]; err != nil || string(out) != want {
			t.Errorf("%s: got %s, %v, want %s", name, out, err, want)
		}
	}
}
