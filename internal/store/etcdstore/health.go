package etcdstore

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/version"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// healthPath is where a member tells the others how it is.
const healthPath = "/zeekfleet/health"

const (
	healthTimeout = time.Second
	maxHealth     = 64 << 10 // bytes of an answer
)

// memberHealth is what a member tells of itself.
type memberHealth struct {
	Name      string   `json:"name"`
	Version   string   `json:"version"`
	Leader    bool     `json:"leader"`
	Applied   uint64   `json:"applied"`
	Committed uint64   `json:"committed"`
	Bytes     int64    `json:"bytes"`
	Used      int64    `json:"used"`
	Quota     int64    `json:"quota"`
	Alarms    []string `json:"alarms,omitempty"`
}

func (h memberHealth) health(newest uint64) quorum.Health {
	return quorum.Health{
		Name: h.Name, Version: h.Version, Leader: h.Leader, Lag: newest - min(newest, h.Applied),
		Bytes: h.Bytes, Used: h.Used, Quota: h.Quota, Alarms: h.Alarms,
	}
}

// health is what this member tells of itself.
func (m *member) health() memberHealth {
	s := m.server
	h := memberHealth{
		Name: m.cfg.Name, Version: version.Version, Leader: s.Leader() == s.MemberID() && s.Leader() != 0,
		Applied: s.AppliedIndex(), Committed: s.CommittedIndex(),
		Bytes: s.Backend().Size(), Used: s.Backend().SizeInUse(), Quota: m.cfg.Quota,
	}
	for _, a := range s.Alarms() {
		if a.MemberID == uint64(s.MemberID()) {
			h.Alarms = append(h.Alarms, alarmWords(a.Alarm))
		}
	}
	if len(h.Alarms) == 0 && h.Bytes > m.cfg.Quota/10*8 {
		h.Alarms = []string{fmt.Sprintf("the database has %d of at most %d bytes: raise the quota, or remove bundles and history", h.Bytes, h.Quota)}
	}
	return h
}

func alarmWords(a etcdserverpb.AlarmType) string {
	switch a {
	case etcdserverpb.AlarmType_NOSPACE:
		return "NOSPACE: the database has reached its bound and takes no writes: raise the quota"
	case etcdserverpb.AlarmType_CORRUPT:
		return "CORRUPT: the database differs from that of the other members: remove this member, and join again"
	}
	return a.String()
}

func (m *member) serveHealth(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(m.health()) // the other member sees it if it does not arrive
}

// Health implements quorum.Membership. It needs no majority.
func (e members) Health(ctx context.Context) ([]quorum.Health, error) {
	if e.member == nil {
		return e.healthOfSite(ctx)
	}
	members := e.member.server.Cluster().Members()
	answers := make([]memberHealth, len(members))
	errs := make([]error, len(members))
	var asking sync.WaitGroup
	for i, m := range members {
		if m.ID == e.member.server.MemberID() {
			answers[i] = e.member.health()
			continue
		}
		asking.Go(func() { answers[i], errs[i] = e.member.ask(ctx, m.PeerURLs) })
	}
	asking.Wait()
	var newest uint64
	for _, a := range answers {
		newest = max(newest, a.Committed)
	}
	var list []quorum.Health
	for i, m := range members {
		h := answers[i].health(newest)
		if errs[i] != nil {
			h = quorum.Health{Err: errs[i].Error()}
		}
		h.Name = cmp.Or(h.Name, m.Name, strings.Join(m.PeerURLs, ","))
		list = append(list, h)
	}
	return list, nil
}

// ask asks another member how it is.
func (m *member) ask(ctx context.Context, urls []string) (h memberHealth, err error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	for _, u := range urls {
		if h, err = m.askAt(ctx, u); err == nil {
			return h, nil
		}
	}
	return h, err
}

func (m *member) askAt(ctx context.Context, url string) (h memberHealth, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+healthPath, nil)
	if err != nil {
		return h, err
	}
	r, err := m.web.Do(req)
	if err != nil {
		return h, err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return h, fmt.Errorf("%s answers %s", url, r.Status)
	}
	err = json.NewDecoder(io.LimitReader(r.Body, maxHealth)).Decode(&h)
	return h, err
}

// healthOfSite asks each member of the site's etcd.
func (e members) healthOfSite(ctx context.Context) ([]quorum.Health, error) {
	names := map[uint64]string{}
	alarms := map[uint64][]string{}
	asking, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if r, err := e.client.MemberList(asking, clientv3.WithSerializable()); err == nil {
		for _, m := range r.Members {
			names[m.ID] = m.Name
		}
	}
	if r, err := e.client.AlarmList(asking); err == nil {
		for _, a := range r.Alarms {
			alarms[a.MemberID] = append(alarms[a.MemberID], alarmWords(a.Alarm))
		}
	}
	answers := make([]*clientv3.StatusResponse, len(e.cfg.Endpoints))
	errs := make([]error, len(e.cfg.Endpoints))
	var running sync.WaitGroup
	for i, endpoint := range e.cfg.Endpoints {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, healthTimeout)
			defer cancel()
			answers[i], errs[i] = e.client.Status(ctx, endpoint)
		})
	}
	running.Wait()
	var newest uint64
	for _, a := range answers {
		if a != nil {
			newest = max(newest, a.RaftIndex)
		}
	}
	var list []quorum.Health
	for i, a := range answers {
		if errs[i] != nil {
			list = append(list, quorum.Health{Name: e.cfg.Endpoints[i], Err: errs[i].Error()})
			continue
		}
		id := a.Header.MemberId
		list = append(list, quorum.Health{
			Name: cmp.Or(names[id], e.cfg.Endpoints[i]), Version: a.Version, Leader: a.Leader == id && id != 0,
			Lag: newest - min(newest, cmp.Or(a.RaftAppliedIndex, a.RaftIndex)), Bytes: a.DbSize, Used: a.DbSizeInUse, Alarms: alarms[id],
		})
	}
	return list, nil
}
