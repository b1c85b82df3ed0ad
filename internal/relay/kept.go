package relay

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// kept are answers of the controller that leads, for those who say that they may be older.
type kept struct {
	limits Limits

	mu    sync.Mutex
	all   map[keptKey]*keptAnswer
	order []keptKey // oldest first
	bytes int
}

// keptKey is whose question an answer is for. Nobody gets an answer that was another's.
type keptKey struct {
	who         string
	role        mgmt.UserRole
	uri, accept string
}

type keptAnswer struct {
	kind string
	body []byte
	at   time.Time
}

func newKept(l Limits) *kept { return &kept{limits: l, all: map[keptKey]*keptAnswer{}} }

// mayKeep returns how old an answer to a request may be, and for whom it is. It is zero if the
// asker wants a new one, or if this controller cannot say who asks.
func (r *Relay) mayKeep(req *http.Request, c web.Connection) (keptKey, time.Duration) {
	age := maxAge(req.Header.Get("Cache-Control"))
	if age <= 0 || req.Method != http.MethodGet || req.Header.Get("Cookie") != "" || req.Header.Get("Upgrade") != "" || req.Header.Get("Range") != "" {
		return keptKey{}, 0
	}
	who, err := user(req, c)
	if err != nil || who.Role == mgmt.NoUser {
		return keptKey{}, 0
	}
	return keptKey{who.Name, who.Role, req.URL.RequestURI(), req.Header.Get("Accept")}, min(age, r.cfg.MaxAge)
}

// maxAge returns the max-age of a Cache-Control.
func maxAge(header string) time.Duration {
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(name, "max-age") {
			seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
			if err != nil {
				return 0
			}
			return time.Duration(seconds) * time.Second
		}
	}
	return 0
}

// answer answers a request from what is kept. It returns false if nothing is kept that is
// new enough.
func (k *kept) answer(w http.ResponseWriter, key keptKey, age time.Duration) bool {
	k.mu.Lock()
	found := k.all[key]
	k.mu.Unlock()
	if found == nil {
		return false
	}
	old := time.Since(found.at)
	if old > age {
		return false
	}
	w.Header().Set("Content-Type", found.kind)
	w.Header().Set("Age", strconv.Itoa(int(old/time.Second)))
	w.Header().Set("Content-Length", strconv.Itoa(len(found.body)))
	w.Write(found.body)
	return true
}

// take keeps an answer when its body was read to its end, if it is one that may be kept.
func (k *kept) take(key keptKey, answer *http.Response) {
	kind := answer.Header.Get("Content-Type")
	if answer.StatusCode != http.StatusOK || answer.ContentLength > int64(k.limits.MaxKeptAnswer) || kind != "application/json" || answer.Header.Get("Set-Cookie") != "" {
		return
	}
	answer.Body = &keeping{ReadCloser: answer.Body, kept: k, key: key, kind: kind, at: time.Now()}
}

// keeping is the body of an answer that is going to be kept.
type keeping struct {
	io.ReadCloser
	kept *kept
	key  keptKey
	kind string
	at   time.Time
	text bytes.Buffer
	over bool
}

func (b *keeping) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.over {
		return n, err
	}
	b.text.Write(p[:n])
	switch {
	case b.text.Len() > b.kept.limits.MaxKeptAnswer:
		b.over, b.text = true, bytes.Buffer{}
	case err == io.EOF:
		b.over = true
		b.kept.put(b.key, &keptAnswer{b.kind, b.text.Bytes(), b.at})
	}
	return n, err
}

// put keeps an answer.
func (k *kept) put(key keptKey, a *keptAnswer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.drop(key)
	for len(k.order) > 0 && (len(k.order) >= k.limits.MaxKept || k.bytes+len(a.body) > k.limits.MaxKeptBytes) {
		k.drop(k.order[0])
	}
	k.all[key] = a
	k.order = append(k.order, key)
	k.bytes += len(a.body)
}

// drop forgets an answer. The caller holds mu.
func (k *kept) drop(key keptKey) {
	old, ok := k.all[key]
	if !ok {
		return
	}
	delete(k.all, key)
	k.bytes -= len(old.body)
	for i, other := range k.order {
		if other == key {
			k.order = append(k.order[:i], k.order[i+1:]...)
			return
		}
	}
}
