package etcdstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

type keyValue = mvccpb.KeyValue

// number seals a number so that etcd can compare two of one key: the checksum would come
// before it otherwise.
func number(n uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte{formNumber}, n))
}

func parseNumber(key string, stored []byte) (uint64, error) {
	if len(stored) != 9 || stored[0] != formNumber {
		return 0, fmt.Errorf("the entry %.60q of etcd is damaged: it is no number; restore a backup", key)
	}
	return binary.BigEndian.Uint64(stored[1:]), nil
}

// election is the quorum.Election of an Engine.
type election struct{ *conn }

const (
	leadName = "lead"
	heirName = "lead/heir"
)

func leadValue(term uint64, member string) string {
	return string(seal(formLead, leadName, binary.BigEndian.AppendUint64(nil, term), []byte(member)))
}

// leads returns an error that wraps store.ErrConflict if a fence does not hold. kvs is what
// etcd has for the key of the lead.
func (e *conn) leads(f quorum.Fence, kvs []*keyValue) error {
	var token int64
	if len(kvs) > 0 {
		token = kvs[0].CreateRevision
	}
	if token == f.Token {
		return nil
	}
	who := "nobody"
	if len(kvs) > 0 {
		if content, err := openAs(formLead, leadName, kvs[0].Value); err == nil && len(content) > 8 {
			who = fmt.Sprintf("controller %s in term %d", content[8:], binary.BigEndian.Uint64(content))
		}
	}
	return fmt.Errorf("%w: %s leads now", store.ErrConflict, who)
}

// Begin implements quorum.Election. A session that an earlier process of the member has left
// ends.
func (e election) Begin(ctx context.Context, member string, ttl time.Duration) (quorum.Session, error) {
	key := e.keys.session(member)
	old, err := e.get(ctx, key)
	if err != nil {
		return 0, err
	}
	if len(old.Kvs) > 0 && old.Kvs[0].Lease != 0 {
		if err := e.EndSession(ctx, quorum.Session(old.Kvs[0].Lease)); err != nil && !errors.Is(err, quorum.ErrSession) {
			return 0, err
		}
	}
	lease, err := e.grant(ctx, ttl)
	if err != nil {
		return 0, err
	}
	if err := e.put(ctx, key, "", clientv3.WithLease(lease)); err != nil {
		return 0, sessionEnded(err)
	}
	return quorum.Session(lease), nil
}

// sessionEnded returns ErrSession if etcd does not know the lease.
func sessionEnded(err error) error {
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return quorum.ErrSession
	}
	return err
}

// Live implements quorum.Election.
func (e election) Live(ctx context.Context) ([]string, error) {
	r, err := e.get(ctx, e.keys.sessions(), clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return nil, err
	}
	return suffixes(r.Kvs, e.keys.sessions()), nil
}

// suffixes returns what follows a prefix in each key.
func suffixes(kvs []*keyValue, prefix string) []string {
	var list []string
	for _, kv := range kvs {
		list = append(list, strings.TrimPrefix(string(kv.Key), prefix))
	}
	return list
}

// Renew implements quorum.Election.
func (e election) Renew(ctx context.Context, s quorum.Session) error {
	err := e.steady(ctx, func(ctx context.Context) error {
		_, err := e.client.KeepAliveOnce(ctx, clientv3.LeaseID(s))
		return err
	})
	return sessionEnded(e.explain(err))
}

// EndSession implements quorum.Election.
func (e election) EndSession(ctx context.Context, s quorum.Session) error {
	return sessionEnded(e.revoke(ctx, clientv3.LeaseID(s)))
}

// WatchLead implements quorum.Election.
func (e election) WatchLead(ctx context.Context, seen func(quorum.Lead)) error {
	var last *quorum.Lead
	return e.bell(ctx, e.keys.lead(), func(ctx context.Context) (int64, error) {
		lead, _, revision, err := e.readLead(ctx)
		if err != nil {
			return 0, err
		}
		if last == nil || !reflect.DeepEqual(*last, lead) {
			last = &lead
			seen(lead)
		}
		return revision, nil
	})
}

// leadState is what etcd has of the lead.
type leadState struct {
	quorum.Lead
	term    int64            // the mod revision of the key of the term, or 0
	session quorum.Session   // of who leads
	doubts  map[string]int64 // the create revisions of the doubts of the lead
}

// readLead reads who leads, at a revision of etcd.
func (e election) readLead(ctx context.Context) (lead quorum.Lead, state leadState, revision int64, err error) {
	r, err := e.get(ctx, e.keys.lead(), clientv3.WithPrefix())
	if err != nil {
		return lead, state, 0, err
	}
	state.doubts = map[string]int64{}
	all := map[string]*keyValue{}
	for _, kv := range r.Kvs {
		all[string(kv.Key)] = kv
	}
	if kv := all[e.keys.term()]; kv != nil {
		state.term = kv.ModRevision
		if lead.Term, err = parseNumber("lead/term", kv.Value); err != nil {
			return lead, state, 0, err
		}
	}
	if kv := all[e.keys.lead()]; kv != nil {
		if lead.Term, lead.Member, err = parseLead(leadName, kv.Value); err != nil {
			return lead, state, 0, err
		}
		lead.Token = kv.CreateRevision
		state.session = quorum.Session(kv.Lease)
		doubts := e.keys.doubtsOf(lead.Token)
		for key, kv := range all {
			if member, ok := strings.CutPrefix(key, doubts); ok {
				lead.Doubts = append(lead.Doubts, member)
				state.doubts[key] = kv.CreateRevision
			}
		}
		slices.Sort(lead.Doubts)
	} else if kv := all[e.keys.heir()]; kv != nil {
		term, heir, err := parseLead(heirName, kv.Value)
		if err != nil {
			return lead, state, 0, err
		}
		if term == lead.Term { // else somebody has led since
			lead.Heir = heir
		}
	}
	state.Lead = lead
	return lead, state, r.Header.Revision, nil
}

// parseLead returns the term and the name in a value.
func parseLead(key string, value []byte) (term uint64, member string, err error) {
	content, err := openAs(formLead, key, value)
	if err == nil && len(content) <= 8 {
		err = fmt.Errorf("the entry %q of etcd is damaged: nobody is named; restore a backup", key)
	}
	if err != nil {
		return 0, "", err
	}
	return binary.BigEndian.Uint64(content), string(content[8:]), nil
}

// takeAttempts bounds how often Take begins again because the term has changed.
const takeAttempts = 10

// Take implements quorum.Election. If the answer to an earlier Take of the same session was
// lost, it returns the lead that it made.
func (e election) Take(ctx context.Context, s quorum.Session, member string, atLeast uint64) (quorum.Lead, error) {
	for range takeAttempts {
		lead, state, _, err := e.readLead(ctx)
		switch {
		case err != nil:
			return quorum.Lead{}, err
		case lead.Member == member && state.session == s:
			return lead, nil
		case lead.Token != 0:
			return quorum.Lead{}, quorum.ErrTaken
		}
		term := max(lead.Term+1, atLeast)
		r, err := e.txn(ctx, []clientv3.Cmp{
			clientv3.Compare(clientv3.CreateRevision(e.keys.lead()), "=", 0),
			clientv3.Compare(clientv3.ModRevision(e.keys.term()), "=", state.term),
		}, []clientv3.Op{
			clientv3.OpPut(e.keys.lead(), leadValue(term, member), clientv3.WithLease(clientv3.LeaseID(s))),
			clientv3.OpPut(e.keys.term(), number(term)),
			clientv3.OpDelete(e.keys.doubts(), clientv3.WithPrefix()),
		})
		if err != nil {
			return quorum.Lead{}, sessionEnded(err)
		}
		if r.Succeeded {
			return quorum.Lead{Member: member, Term: term, Token: r.Header.Revision}, nil
		}
	}
	return quorum.Lead{}, quorum.ErrTaken
}

// Raise implements quorum.Election. A term that is not greater changes nothing.
func (e election) Raise(ctx context.Context, f quorum.Fence, term uint64) error {
	for range takeAttempts {
		lead, state, _, err := e.readLead(ctx)
		switch {
		case err != nil:
			return err
		case f.Token == 0 || lead.Token != f.Token:
			return quorum.ErrTaken
		case lead.Term >= term:
			return nil
		}
		r, err := e.txn(ctx, []clientv3.Cmp{
			e.fenced(f), clientv3.Compare(clientv3.ModRevision(e.keys.term()), "=", state.term),
		}, []clientv3.Op{
			clientv3.OpPut(e.keys.lead(), leadValue(term, lead.Member), clientv3.WithIgnoreLease()),
			clientv3.OpPut(e.keys.term(), number(term)),
		})
		if err != nil || r.Succeeded {
			return err
		}
	}
	return quorum.ErrTaken
}

// Doubt implements quorum.Election. It returns ErrTaken if that lead has ended.
func (e election) Doubt(ctx context.Context, s quorum.Session, member string, token int64) error {
	if token == 0 {
		return quorum.ErrTaken
	}
	r, err := e.txn(ctx, []clientv3.Cmp{e.fenced(quorum.Fence{Token: token})},
		[]clientv3.Op{clientv3.OpPut(e.keys.doubt(token, member), "", clientv3.WithLease(clientv3.LeaseID(s)))})
	if err != nil {
		return sessionEnded(err)
	}
	if !r.Succeeded {
		return quorum.ErrTaken
	}
	return nil
}

// Trust implements quorum.Election.
func (e election) Trust(ctx context.Context, member string, token int64) error {
	return e.remove(ctx, e.keys.doubt(token, member))
}

// End implements quorum.Election.
func (e election) End(ctx context.Context, token int64, doubts int) error {
	lead, state, _, err := e.readLead(ctx)
	if err != nil {
		return err
	}
	if token == 0 || lead.Token != token || len(lead.Doubts) < doubts {
		return quorum.ErrTaken
	}
	guards := []clientv3.Cmp{e.fenced(quorum.Fence{Token: token})}
	for _, member := range lead.Doubts[:min(len(lead.Doubts), max(doubts, 0), maxChanges)] {
		key := e.keys.doubt(token, member)
		guards = append(guards, clientv3.Compare(clientv3.CreateRevision(key), "=", state.doubts[key]))
	}
	return e.endLead(ctx, guards, clientv3.OpDelete(e.keys.heir()))
}

// endLead deletes the lead and its doubts. heir says who is to lead next.
func (e election) endLead(ctx context.Context, guards []clientv3.Cmp, heir clientv3.Op) error {
	r, err := e.txn(ctx, guards, []clientv3.Op{clientv3.OpDelete(e.keys.lead()), clientv3.OpDelete(e.keys.doubts(), clientv3.WithPrefix()), heir})
	if err != nil {
		return err
	}
	if !r.Succeeded {
		return quorum.ErrTaken
	}
	return nil
}

// Resign implements quorum.Election. It returns ErrTaken if the lead has ended already.
func (e election) Resign(ctx context.Context, f quorum.Fence, heir string) error {
	guards := []clientv3.Cmp{e.fenced(f)}
	if f.Token == 0 {
		return quorum.ErrTaken
	}
	if heir == "" {
		return e.endLead(ctx, guards, clientv3.OpDelete(e.keys.heir()))
	}
	for range takeAttempts {
		lead, state, _, err := e.readLead(ctx)
		switch {
		case err != nil:
			return err
		case lead.Token != f.Token:
			return quorum.ErrTaken
		}
		same := clientv3.Compare(clientv3.ModRevision(e.keys.term()), "=", state.term)
		named := clientv3.OpPut(e.keys.heir(), string(seal(formLead, heirName, binary.BigEndian.AppendUint64(nil, lead.Term), []byte(heir))))
		if err := e.endLead(ctx, append(guards, same), named); !errors.Is(err, quorum.ErrTaken) {
			return err
		}
	}
	return quorum.ErrTaken
}
