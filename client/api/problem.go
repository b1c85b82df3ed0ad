package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Problem is the error of a request that the controller has refused or could not carry
// out (RFC 9457).
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// RetryAfter is how long to wait before asking again. Zero means that the
	// controller did not say.
	RetryAfter time.Duration `json:"-"`
	// NoLeader says that the request was not carried out because no controller leads.
	NoLeader bool `json:"-"`
}

// Error returns Detail, or Title if there is no Detail.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// readProblem returns the problem in an answer. body is the answer's body, or its
// beginning.
func readProblem(answer *http.Response, body []byte) *Problem {
	p := &Problem{}
	if json.Unmarshal(body, p) != nil {
		line, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
		const most = 500 // bytes
		p = &Problem{Detail: strings.ToValidUTF8(string(line[:min(len(line), most)]), "?")}
	}
	p.Status, p.NoLeader = answer.StatusCode, answer.Header.Get(NoLeaderHeader) != ""
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if p.Title == "" {
		p.Title = "HTTP status " + strconv.Itoa(p.Status)
	}
	p.Title, p.Detail = printable(p.Title), printable(p.Detail)
	if seconds, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 31); err == nil {
		p.RetryAfter = time.Duration(seconds) * time.Second
	}
	return p
}

// printable makes one line of a text from outside, without control characters.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
