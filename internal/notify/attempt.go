package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/run"
)

// The headers of a webhook.
const (
	HeaderTimestamp = "X-Zeekfleet-Timestamp"
	HeaderSignature = "X-Zeekfleet-Signature"
)

// maxAnswer bounds what is read of an answer, and maxOutput what is kept of a command's output.
const maxAnswer, maxOutput = 4 << 10, 2 << 10

// attempt delivers a message once.
func (q *queue) attempt(ctx context.Context, m Message) error {
	body, err := m.body(q.Kind)
	if err != nil {
		return &failure{text: err.Error(), refused: true}
	}
	timeout := q.Timeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it took longer than %s", timeout))
	defer cancel()
	if q.Kind == mgmt.ReceiverCommand {
		return q.command(ctx, m, body)
	}
	return q.post(ctx, body)
}

// Sign returns the signature of a message: that of the timestamp, a full stop and the body.
func Sign(key []byte, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func (q *queue) post(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, q.URL, bytes.NewReader(body))
	if err != nil {
		return &failure{text: "the URL cannot be used"} // the error has the URL, which may be secret
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "zeekfleet")
	if len(q.Key) > 0 {
		stamp := strconv.FormatInt(time.Now().Unix(), 10)
		req.Header.Set(HeaderTimestamp, stamp)
		req.Header.Set(HeaderSignature, Sign(q.Key, stamp, body))
	}
	answer, err := q.http.Do(req)
	if err != nil {
		return &failure{text: q.withoutURL(ctx, err)}
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) // so that the connection can be used again
	if answer.StatusCode >= 200 && answer.StatusCode <= 299 {
		return nil
	}
	f := &failure{text: fmt.Sprintf("it has answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))}
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		f.refused = true
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		f.after = retryAfter(answer.Header.Get("Retry-After"), time.Now())
	}
	return f
}

// retryAfter returns for how long a receiver asks to wait: seconds, or a time.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// newHTTP returns the client of a webhook. It follows no redirections, which could send a
// message elsewhere.
func newHTTP(cfg Config, r Receiver) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: cfg.Dial, TLSClientConfig: r.TLS, TLSHandshakeTimeout: 10 * time.Second, MaxConnsPerHost: 2, MaxIdleConns: 1,
			IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// command runs the command of a receiver with a message on its input and in its environment.
func (q *queue) command(ctx context.Context, m Message, body []byte) error {
	out := &run.Tail{Limit: maxOutput}
	env := append([]string{}, q.env...)
	for name, value := range map[string]string{
		"STATE": m.State, "ID": m.ID, "RULE": m.Rule, "SEVERITY": m.Severity, "INSTANCE": m.Instance, "NODE": m.Node,
		"SUBJECT": m.Subject, "TEXT": m.Text, "HINT": m.Hint, "CONTROLLER": m.Controller, "SEQ": strconv.FormatUint(m.Seq, 10),
		"TIME": m.Time.Format(time.RFC3339),
	} {
		env = append(env, "ZEEKFLEET_ALERT_"+name+"="+strings.ReplaceAll(value, "\x00", ""))
	}
	err := run.Program{Argv: q.Argv, Env: env, Dir: "/", Stdin: bytes.NewReader(body), Stdout: out, Stderr: out}.Run(ctx)
	if err == nil {
		return nil
	}
	f := &failure{text: "the command has failed: " + err.Error()}
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		f.text = "the command has ended with " + ended.Error()
	}
	if text := strings.TrimSpace(out.String()); text != "" {
		f.text += ": " + text
	}
	f.text = oneLine(f.text)
	return f
}
