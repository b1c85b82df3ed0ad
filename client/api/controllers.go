package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// The roles of controllers.
const (
	ControllerLeads   = "leader"
	ControllerFollows = "follower"
	// ControllerLearns is the role of one that has no vote yet.
	ControllerLearns = "learner"
	// ControllerAway is the role of one that is not heard.
	ControllerAway = "away"
)

// Controllers is what one controller knows of all controllers of its cluster. A controller
// that has no others knows itself alone.
type Controllers struct {
	Term   uint64    `json:"term,omitempty" doc:"How often the controller that leads has changed, with that. Absent if there is one controller alone."`
	Leader string    `json:"leader,omitempty" doc:"The controller that leads. Absent while none does."`
	Since  time.Time `json:"since,omitzero" doc:"When this controller saw that one begin to lead."`
	Self   string    `json:"self" doc:"The controller that answers."`
	// External says that the controllers' store is an etcd of the site, whose members are
	// Store.
	External bool               `json:"external,omitempty" doc:"Whether the site runs the store of the controllers. Then store has its members."`
	Members  []ControllerMember `json:"members" nullable:"false" doc:"The controllers, by name."`
	Store    []ControllerMember `json:"store,omitempty" doc:"The members of a store that the site runs."`
}

// ControllerMember is one controller of a cluster.
type ControllerMember struct {
	Name    string   `json:"name"`
	Role    string   `json:"role" enum:"leader,follower,learner,away"`
	Version string   `json:"version,omitempty" doc:"The version of the program. Absent if it is not known."`
	Clients []string `json:"clients" nullable:"false" doc:"Where it serves clients, as host:port."`
	Agents  []string `json:"agents" nullable:"false" doc:"Where it serves agents, as host:port."`
	Peer    string   `json:"peer,omitempty" doc:"Where the other controllers reach its store, as a URL."`
	Lag     uint64   `json:"lag,omitempty" doc:"How many entries its store is behind."`
	Bytes   int64    `json:"bytes,omitempty" doc:"The size of its database."`
	Used    int64    `json:"used,omitempty" doc:"The bytes of it that are in use."`
	Quota   int64    `json:"quota,omitempty" doc:"The bound of its database, in bytes."`
	Alarms  []string `json:"alarms,omitempty" doc:"What its store complains about, for a person."`
	Err     string   `json:"err,omitempty" doc:"Why it is away, for a person."`
}

// ControllerJoin asks for the membership of a controller.
type ControllerJoin struct {
	Token string   `json:"token" maxLength:"200" doc:"The joining token of the controller."`
	Name  string   `json:"name" minLength:"1" maxLength:"200" doc:"The name that the controller has in its own settings."`
	Hosts []string `json:"hosts" nullable:"false" maxItems:"100" doc:"The DNS names and IP addresses by which others call it."`
	// Peer is empty if the site runs the store.
	Peer    string `json:"peer,omitempty" maxLength:"300" doc:"Where the other controllers are going to reach its store, as a URL. Absent if the site runs the store."`
	PeerKey string `json:"peer_key,omitempty" maxLength:"16384" doc:"A signing request in PEM form, with the key that the store shows to the others."`
	// Clients and Agents are where it is going to serve them.
	Clients []string  `json:"clients" nullable:"false" maxItems:"16" doc:"Where it is going to serve clients, as host:port."`
	Agents  []string  `json:"agents" nullable:"false" maxItems:"16" doc:"Where it is going to serve agents, as host:port."`
	Version string    `json:"version,omitempty" maxLength:"100" doc:"The version of the program that joins."`
	Clock   time.Time `json:"clock,omitzero" doc:"The asker's time, so that a wrong clock can be named."`
}

// ControllerJoined is what a controller gets that joins.
type ControllerJoined struct {
	Cluster string `json:"cluster" doc:"The ID of the cluster."`
	Prefix  string `json:"prefix" doc:"What all keys in the store begin with."`
	// Authorities are those that users and agents know.
	Authorities string `json:"authorities" doc:"The authorities of the cluster, in PEM form."`
	// PeerAuthority and PeerCertificate are for the store.
	PeerAuthority   string             `json:"peer_authority,omitempty" doc:"The authority of the controllers' stores, in PEM form."`
	PeerCertificate string             `json:"peer_certificate,omitempty" doc:"The certificate that the store shows to the others, in PEM form."`
	Members         []ControllerMember `json:"members" nullable:"false" doc:"The controllers, with the one that joins."`
	Initial         []StoreMember      `json:"initial" nullable:"false" doc:"The members of the store that the one that joins must know, with itself."`
	External        bool               `json:"external,omitempty" doc:"Whether the site runs the store."`
}

// StoreMember is a member of the controllers' store.
type StoreMember struct {
	ID   string   `json:"id" doc:"The number of the member, in hexadecimal form."`
	Name string   `json:"name" doc:"The name of its controller."`
	URLs []string `json:"urls" nullable:"false"`
}

// Pulse is the answer of a controller that is asked whether it serves.
type Pulse struct {
	Name  string `json:"name" doc:"The controller that answers."`
	Leads bool   `json:"leads" doc:"Whether it leads, or is about to."`
	// Term is that of the lead that the controller knows.
	Term   uint64 `json:"term,omitempty" doc:"The term that it knows. Absent if there is one controller alone."`
	Leader string `json:"leader,omitempty" doc:"The controller that leads. Absent while none does."`
}

// NoLeaderHeader is in the answer of a controller that has not carried a request out because
// no controller leads.
const NoLeaderHeader = "Zeekfleet-No-Leader"

// AnyController is the name of no controller: Lead with it hands over to any other one.
const AnyController = "*"

// Controlling has the requests about the controllers of a cluster.
type Controlling struct{ *caller }

// Controllers returns what the controller knows of all controllers of its cluster.
func (c Controlling) Controllers(ctx context.Context) (list Controllers, err error) {
	return list, c.get(ctx, PathControllers, &list)
}

// JoinController asks for the membership of a controller. Use a client of JoinClient.
func (c Controlling) JoinController(ctx context.Context, in ControllerJoin) (j ControllerJoined, err error) {
	in.Clock = time.Now().UTC()
	return j, c.do(ctx, request{method: http.MethodPost, path: PathControllers, in: in, wait: joinWait}, &j)
}

// joinWait is how long the store may take to take a member, beside the usual time.
const joinWait = 30 * time.Second

// RemoveController removes a controller from the cluster for good.
func (c Controlling) RemoveController(ctx context.Context, name string) error {
	return c.delete(ctx, PathControllers, name)
}

// Lead makes a controller lead, or with AnyController any other one than that which leads.
func (c Controlling) Lead(ctx context.Context, name string) error {
	return c.do(ctx, request{method: http.MethodPost, path: PathControllers + "/" + url.PathEscape(name) + "/lead"}, nil)
}

// Backup returns a backup of what the controllers keep. The caller reads and closes it. A
// backup that is not whole ends with an error.
func (c Controlling) Backup(ctx context.Context) (io.ReadCloser, error) {
	return c.text(ctx, request{method: http.MethodGet, path: PathBackup})
}

// Pulse asks whether the controller serves. Anybody may ask.
func (c Controlling) Pulse(ctx context.Context) (p Pulse, err error) {
	return p, c.get(ctx, PathPulse, &p)
}
