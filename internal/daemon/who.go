package daemon

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Who decides for whom the callers of a controller act. Any goroutine may use it.
type Who struct {
	callers   Callers
	authority registry // nil: users have no certificates of ours, and no API tokens
	insecure  bool
	// files says that certificates come from files, which do not change.
	files bool
	// shared says that the same authority signs certificates of clients and of agents.
	shared bool
}

// registry knows the users of a cluster. *Authority does.
type registry interface {
	Directory() *access.Directory
	Bearer(text string) (mgmt.Principal, error)
}

// WhoConfig has the settings of a Who.
type WhoConfig struct {
	// Callers has the roles of users of this host.
	Callers Callers
	// Registry knows the users of the cluster. Nil means that there are none.
	Registry Registry
	// Insecure and SharedAuthority are those of ControllerConfig.
	Insecure, SharedAuthority bool
}

// NewMemberWho returns the Who of a controller that leads or follows, by its registry.
func NewMemberWho(cfg WhoConfig) *Who {
	w := &Who{callers: cfg.Callers, insecure: cfg.Insecure, files: true, shared: cfg.SharedAuthority}
	if cfg.Registry != nil {
		w.authority, w.files = cfg.Registry, cfg.Registry.Foreign()
	}
	return w
}

// NewWho returns the Who of a controller.
func NewWho(cfg ControllerConfig) *Who {
	w := &Who{callers: cfg.Callers, insecure: cfg.Insecure, files: true, shared: cfg.SharedAuthority}
	if cfg.Authority != nil {
		w.authority, w.files = cfg.Authority, cfg.Authority.Foreign()
	}
	return w
}

// The rules about whose certificates count at Broker ports.
const (
	onlyAgents      = "only agents may connect to this controller's Broker port"
	onlyControllers = "only controllers may give orders to an agent"
)

// errNobody refuses a caller that has shown nothing.
var errNobody = errors.New("this controller does not know who you are: show the certificate of a user (zeekfleet login), or an API token")

// Principal returns the user for whom a client acts, at this moment. denied is why the
// screen has refused the client, or nil. bearer is the API token that came with the
// request, or empty. What counts is the token, then the certificate, then the user of this
// host.
//
// The error is one line for the client. With an error, the principal has no role, and its
// name is for the audit.
func (w *Who) Principal(p bus.Peer, denied error, bearer string) (mgmt.Principal, error) {
	who, err := w.user(p, denied, bearer, time.Now())
	if err != nil {
		who = mgmt.Principal{Name: refusedName(refusalOf(p, ""))}
	}
	who.Source = cmp.Or(who.Source, source(p.Addr)) // another controller says whose requests it passes on
	return who, err
}

func (w *Who) user(p bus.Peer, denied error, bearer string, now time.Time) (mgmt.Principal, error) {
	switch {
	case p.For != "":
		passed, err := w.Passed(p, p.For)
		if err != nil {
			return mgmt.Principal{}, err
		}
		return passed.Principal(bearer)
	case bearer != "" && w.authority == nil:
		return mgmt.Principal{}, errors.New("this controller has no users and no API tokens, because it runs with insecure")
	case bearer != "":
		return w.authority.Bearer(bearer)
	case p.Certificate != nil:
		return w.certified(p, now)
	case denied != nil:
		return mgmt.Principal{}, denied
	case p.Caller.Known:
		return mgmt.Principal{Name: accountName(p.Caller.UID), Role: w.callers.role(p.Caller.UID)}, nil
	case w.insecure:
		return mgmt.Principal{Name: principalName(p), Role: mgmt.Admin}, nil
	}
	return mgmt.Principal{}, errNobody
}

// certified returns the user whose certificate a client has shown.
func (w *Who) certified(p bus.Peer, now time.Time) (mgmt.Principal, error) {
	if err := w.stands(p, now); err != nil {
		return mgmt.Principal{}, err
	}
	switch {
	case p.Identity != "":
		id, err := identity.Parse(p.Identity)
		if err != nil {
			return mgmt.Principal{}, err
		}
		if w.authority == nil && id.Kind == identity.User {
			return mgmt.Principal{Name: id.Name, Role: mgmt.Admin}, nil
		}
		return w.directory().Principal(id)
	case w.shared:
		return mgmt.Principal{}, fmt.Errorf("nothing says that the certificate of %s is a user's, and agents have certificates of the same authority: "+
			"say it with tls.identities (cn:NAME=user/NAME), or give users another authority", certificateName(p.Certificate))
	}
	return mgmt.Principal{Name: principalName(p), Role: mgmt.Admin}, nil
}

// directory returns what the authority believes.
func (w *Who) directory() *access.Directory {
	if w.authority == nil {
		return new(access.Directory)
	}
	return w.authority.Directory()
}

// stands returns an error if the certificate of an open connection no longer counts. A
// connection may outlast its certificate, if its identity has a newer one: so a renewal
// ends no connection.
func (w *Who) stands(p bus.Peer, now time.Time) error {
	if p.Chain == nil {
		return nil
	}
	directory := w.directory()
	trust := directory.Trust
	expired := now.After(p.Certificate.NotAfter)
	switch {
	case w.files || p.Identity == "":
		if expired {
			return fmt.Errorf("the certificate of %s has expired", certificateName(p.Certificate))
		}
		return nil
	case trust.Revoked[identity.Serial(p.Certificate)]:
		return fmt.Errorf("the certificate of %s was revoked", p.Identity)
	case now.Before(directory.Until[p.Identity]):
		return nil
	}
	// Signatures are verified again only for other authorities: each request comes here.
	if judged, ok := p.Chain.Judged.Load().(*identity.Trust); ok && !expired && slices.Equal(judged.Authorities, trust.Authorities) {
		return nil
	}
	_, err := trust.Judge(p.Chain.Certificates, now)
	if err == nil {
		p.Chain.Judged.Store(trust)
	}
	return err
}

// ends returns when stands may next have another answer because time has passed. It is
// zero if the peer has no certificate.
func (w *Who) ends(p bus.Peer, now time.Time) time.Time {
	if p.Certificate == nil {
		return time.Time{}
	}
	if !now.After(p.Certificate.NotAfter) {
		return p.Certificate.NotAfter.Add(1) // at NotAfter itself it is valid (RFC 5280 section 4.1.2.5)
	}
	return w.directory().Until[p.Identity]
}

// agentClaim is as which instances a peer of the Broker port may introduce itself.
type agentClaim struct {
	// certificate is empty if the peer may introduce itself as any instance.
	certificate string
	instances   []mgmt.InstanceName
	fixed       bool // no setting gives it other instances
	barred      string
}

// claim returns what a peer of the Broker port may claim. An identity counts before the
// user of this host.
func (c ControllerConfig) claim(p bus.Peer) agentClaim {
	switch {
	case p.Identity != "":
		id, err := identity.Parse(p.Identity)
		if err == nil {
			err = onlyKind(id, onlyAgents, identity.Agent)
		}
		if err != nil {
			return agentClaim{barred: err.Error()}
		}
		return agentClaim{certificate: p.Identity, instances: []mgmt.InstanceName{mgmt.InstanceName(id.Name)}, fixed: true}
	case p.Caller.Trusted && p.Denied == nil:
		if c.Callers.role(p.Caller.UID) < mgmt.Operator {
			return agentClaim{barred: notAllowed(p.Caller.UID, "speak for an instance", mgmt.Operator)}
		}
		return agentClaim{}
	case p.Certificate != nil:
		instances, any := c.instances(p.Certificate)
		if any {
			return agentClaim{}
		}
		return agentClaim{certificate: certificateName(p.Certificate), instances: instances}
	case c.Insecure:
		return agentClaim{}
	}
	return agentClaim{barred: "this controller does not know who you are: join the cluster (zeekfleet token create), or let the controller admit your certificate (controller.admit)"}
}

// onlyKind returns an error with the rule if an identity is of another kind.
func onlyKind(id identity.Identity, rule string, kinds ...identity.Kind) error {
	if slices.Contains(kinds, id.Kind) {
		return nil
	}
	return fmt.Errorf("this is the certificate of %s, and %s", id, rule)
}

// judgeKinds returns t. Its Judge also refuses identities of other kinds.
func judgeKinds(t *bus.TLS, rule string, kinds ...identity.Kind) *bus.TLS {
	if t == nil {
		return nil
	}
	strict := *t
	strict.Judge = func(chain []*x509.Certificate) (string, error) {
		text, err := t.Judge(chain)
		if err != nil || text == "" {
			return text, err
		}
		id, err := identity.Parse(text)
		if err == nil {
			err = onlyKind(id, rule, kinds...)
		}
		if err != nil {
			return "", err
		}
		return text, nil
	}
	return &strict
}
