package web

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// sessionCookie is the name of the cookie with the secret of a session. Browsers accept
// a name with this prefix only from the host itself, over TLS, for all paths.
const sessionCookie = "__Host-zeekfleet"

// sessions are the sessions of browsers. They are lost when the controller ends.
type sessions struct {
	limit int
	life  time.Duration

	mu   sync.Mutex
	open map[[sha256.Size]byte]session // by the hash of the secret
}

type session struct {
	user  string
	began time.Time
	life  time.Duration
}

func newSessions(cfg Config) *sessions {
	return &sessions{limit: cfg.MaxSessions, life: cfg.SessionLife, open: map[[sha256.Size]byte]session{}}
}

// begin begins a session of a user and returns its secret.
func (s *sessions) begin(user string, now time.Time, life time.Duration) (secret string, ends time.Time) {
	var random [32]byte
	rand.Read(random[:])
	secret = base64.RawURLEncoding.EncodeToString(random[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) >= s.limit {
		s.makeRoom(now)
	}
	s.open[sha256.Sum256([]byte(secret))] = session{user, now, life}
	return secret, now.Add(life)
}

// makeRoom ends the sessions that are over, or else the oldest one of the user who has
// most. The caller holds mu.
func (s *sessions) makeRoom(now time.Time) {
	number, most, over := map[string]int{}, 0, false
	for key, one := range s.open {
		if now.Sub(one.began) >= one.life {
			delete(s.open, key)
			over = true
			continue
		}
		number[one.user]++
		most = max(most, number[one.user])
	}
	if over {
		return
	}
	var victim [sha256.Size]byte
	var oldest time.Time
	for key, one := range s.open {
		if number[one.user] == most && (oldest.IsZero() || one.began.Before(oldest)) {
			victim, oldest = key, one.began
		}
	}
	delete(s.open, victim)
}

// find returns the user of a session.
func (s *sessions) find(secret string, now time.Time) (user string, ok bool) {
	key := sha256.Sum256([]byte(secret))
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.open[key]
	if ok && now.Sub(one.began) >= one.life {
		delete(s.open, key)
		return "", false
	}
	return one.user, ok
}

// end ends a session.
func (s *sessions) end(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(secret)))
}

// endOf ends all sessions of the users for whom gone returns true.
func (s *sessions) endOf(gone func(user string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, one := range s.open {
		if gone(one.user) {
			delete(s.open, key)
		}
	}
}

// follow ends the sessions of users who were removed.
func (s *sessions) follow(d *access.Directory) {
	s.endOf(func(user string) bool { return d.Roles[user] == mgmt.NoUser })
}

// cookie returns the cookie of a session. An empty secret makes the browser forget it.
func (s *sessions) cookie(secret string, life time.Duration) *http.Cookie {
	c := &http.Cookie{
		Name: sessionCookie, Value: secret, Path: "/", MaxAge: int(life / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
	if secret == "" {
		c.MaxAge = -1
	}
	return c
}
