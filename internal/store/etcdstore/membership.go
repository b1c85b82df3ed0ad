package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// members is the quorum.Membership of an Engine.
type members struct{ *conn }

var errSites = errors.New("the site runs etcd: its members are not controllers, and its administrator changes them (etcdctl member)")

func fromMember(m *etcdserverpb.Member) quorum.Member {
	return quorum.Member{ID: m.ID, Name: m.Name, URLs: m.PeerURLs, Learner: m.IsLearner}
}

func fromMembers(list []*etcdserverpb.Member) []quorum.Member {
	var all []quorum.Member
	for _, m := range list {
		all = append(all, fromMember(m))
	}
	return all
}

// Members implements quorum.Membership.
func (e members) Members(ctx context.Context) ([]quorum.Member, error) {
	var all []quorum.Member
	err := e.steady(ctx, func(ctx context.Context) error {
		r, err := e.client.MemberList(ctx)
		if err == nil {
			all = fromMembers(r.Members)
		}
		return err
	})
	return all, e.explain(err)
}

// Self implements quorum.Membership.
func (e members) Self() uint64 {
	if e.member == nil {
		return 0
	}
	return uint64(e.member.server.MemberID())
}

// Add implements quorum.Membership. A member with this address that was added and never
// started is returned again.
func (e members) Add(ctx context.Context, url string) (added quorum.Member, all []quorum.Member, err error) {
	if e.member == nil {
		return added, nil, errSites
	}
	err = settled(ctx, func() error {
		r, err := e.client.MemberAddAsLearner(ctx, []string{url})
		if err == nil {
			added, all = fromMember(r.Member), fromMembers(r.Members)
		}
		return err
	}, rpctypes.ErrMemberNotFound) // the address was removed within this second: etcd would give it the ID that it has banished
	if err == nil {
		return added, all, nil
	}
	if !errors.Is(err, rpctypes.ErrPeerURLExist) && !errors.Is(err, rpctypes.ErrMemberExist) {
		return added, nil, fmt.Errorf("add a member at %s: %w", url, e.explainMembers(err))
	}
	if all, err = e.Members(ctx); err != nil {
		return added, nil, err
	}
	at := slices.IndexFunc(all, func(m quorum.Member) bool { return slices.Contains(m.URLs, url) })
	if at < 0 || all[at].Name != "" {
		return added, nil, fmt.Errorf("add a member at %s: a member has this address already; remove it first", url)
	}
	return all[at], all, nil
}

// settling is how long etcd may need until it allows another change of the members: it wants
// them to have been connected for 5 s.
const settling = 8 * time.Second

// settled calls change until etcd does not say any more that too few members are connected, and
// none of the other errors that pass.
func settled(ctx context.Context, change func() error, passing ...error) error {
	ctx, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	again := time.NewTicker(settling / 40)
	defer again.Stop()
	for {
		err := change()
		if passes := func(one error) bool { return errors.Is(err, one) }; !passes(rpctypes.ErrUnhealthy) && !slices.ContainsFunc(passing, passes) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}

// explainMembers returns an error of etcd about members in words that say what to do.
func (e members) explainMembers(err error) error {
	switch {
	case errors.Is(err, rpctypes.ErrUnhealthy), errors.Is(err, rpctypes.ErrMemberNotEnoughStarted):
		return fmt.Errorf("too few members are up for a change of the members; start the others first: %w", err)
	case errors.Is(err, rpctypes.ErrTooManyLearners):
		return fmt.Errorf("another member that was added has no vote yet; wait for it, or remove it: %w", err)
	case errors.Is(err, rpctypes.ErrMemberLearnerNotReady):
		return fmt.Errorf("the member is still behind the others: %w", err)
	case errors.Is(err, rpctypes.ErrMemberNotFound):
		return fmt.Errorf("there is no such member: %w", err)
	}
	return e.explain(err)
}

// Promote implements quorum.Membership. A member that has its vote keeps it.
func (e members) Promote(ctx context.Context, id uint64) error {
	if e.member == nil {
		return errSites
	}
	_, err := e.client.MemberPromote(ctx, id)
	if err == nil {
		return nil
	}
	// etcd says of a member with a vote that it is behind.
	all, listed := e.Members(ctx)
	if listed == nil && slices.ContainsFunc(all, func(m quorum.Member) bool { return m.ID == id && !m.Learner }) {
		return nil
	}
	return fmt.Errorf("give member %x its vote: %w", id, e.explainMembers(err))
}

// Remove implements quorum.Membership.
func (e members) Remove(ctx context.Context, id uint64) error {
	if e.member == nil {
		return errSites
	}
	err := settled(ctx, func() error {
		_, err := e.client.MemberRemove(ctx, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("remove member %x: %w", id, e.explainMembers(err))
	}
	return nil
}

// Announce implements quorum.Membership.
func (e members) Announce(ctx context.Context, name string, text []byte) error {
	return e.put(ctx, e.keys.controller(name), string(seal(formValue, name, text)))
}

// Withdraw implements quorum.Membership.
func (e members) Withdraw(ctx context.Context, name string) error {
	return e.remove(ctx, e.keys.controller(name))
}

// Announced implements quorum.Membership.
func (e members) Announced(ctx context.Context) (map[string][]byte, error) {
	list, _, err := e.announced(ctx)
	return list, err
}

func (e members) announced(ctx context.Context) (map[string][]byte, int64, error) {
	list := map[string][]byte{}
	revision, err := e.all(ctx, e.keys.controllers(), func(name string, stored []byte) error {
		text, err := openAs(formValue, name, stored)
		list[name] = append([]byte{}, text...)
		return err
	})
	return list, revision, err
}

// WatchAnnounced implements quorum.Membership. It also returns when etcd fails.
func (e members) WatchAnnounced(ctx context.Context, seen func(map[string][]byte)) error {
	return e.bell(ctx, e.keys.controllers(), func(ctx context.Context) (int64, error) {
		list, revision, err := e.announced(ctx)
		if err == nil {
			seen(list)
		}
		return revision, err
	})
}
