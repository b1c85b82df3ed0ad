package cli

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// EnvToken has a token, so that the token need not stand on the command line.
const EnvToken = "ZEEKFLEET_TOKEN"

// maxTokenFile bounds a file with a token, in bytes.
const maxTokenFile = 4 << 10

// TokenSources are where a token may come from: the command line, a file, or else the
// environment.
type TokenSources struct {
	Token, File string
	Stdin       io.Reader // for the file "-"
	LookupEnv   func(name string) (string, bool)
}

// Read returns the token. Its errors do not repeat the token, which is a secret.
func (s TokenSources) Read() (identity.Token, error) {
	text := s.Token
	switch {
	case text != "" && s.File != "":
		return identity.Token{}, usageError("--token and --token-file exclude each other")
	case s.File != "":
		var err error
		if text, err = s.readFile(); err != nil {
			return identity.Token{}, err
		}
	case text == "":
		text, _ = s.LookupEnv(EnvToken)
	}
	if text = strings.TrimSpace(text); text == "" {
		return identity.Token{}, usageError("there is no token: give it with --token, in a file with --token-file, or in %s", EnvToken)
	}
	return identity.ParseToken(text)
}

func (s TokenSources) readFile() (string, error) {
	in := s.Stdin
	if s.File != "-" {
		f, err := os.Open(s.File)
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxTokenFile+1))
	if err == nil && len(text) > maxTokenFile {
		err = fmt.Errorf("%s: more than %d bytes", s.File, maxTokenFile)
	}
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return string(text), nil
}

// Login gets a user's certificate from a controller for a token, and stores it as a
// context.
type Login struct {
	Contexts *Contexts
	Log      *Log
	// Address is the controller's: a host, or host:port. It may be a list of addresses of
	// controllers of one cluster, which commas part.
	Address string
	Token   identity.Token
	// Name is the name of the context. Empty means the controller's host.
	Name string
	// Replace overwrites the context of another user with that name.
	Replace bool
}

// Run logs in. It sends nothing to a controller that is not the one that made the token,
// and uses no token up if the result could not be stored.
func (l Login) Run(ctx context.Context) error {
	n, err := l.Contexts.begin(l.Name, l.Address)
	if err != nil {
		return err
	}
	signed, err := l.ask(ctx, &n)
	if err != nil {
		return err
	}
	n.replace = l.Replace
	user, err := n.store(signed, false)
	if errors.Is(err, errNotStored) {
		return fmt.Errorf("%w; ask an admin for another token", err)
	}
	if err != nil {
		return err
	}
	n.tell(l.Log, user)
	l.Contexts.learnAfterLogin(ctx, n.name, l.Log)
	l.Log.Notice("the certificate is valid until %s; commands renew it before", signed.Expires.Local().Format(timeForm))
	return nil
}

// ask asks the controllers for a certificate, one after the other until one can be reached.
func (l Login) ask(ctx context.Context, n *begun) (signed api.Certificate, err error) {
	var errs []error
	list := append([]string{n.address}, n.others...)
	for i, address := range list {
		client, err := api.JoinClient(address, l.Token.String())
		if err != nil {
			return signed, err
		}
		signed, err = client.Login(ctx, api.LoginRequest{Token: l.Token.String(), Key: string(n.request)})
		client.Close()
		if err == nil {
			n.address, n.others = address, slices.Concat(list[:i], list[i+1:])
			return signed, nil
		}
		errs = append(errs, loginMessage(address, err))
		problem, answered := errors.AsType[*api.Problem](err)
		if op, ok := errors.AsType[*net.OpError](err); !(ok && op.Op == "dial") && !(answered && problem.NoLeader) {
			return signed, errs[i]
		}
	}
	if len(errs) == 1 {
		return signed, errs[0]
	}
	return signed, &api.SeveralError{Addresses: list, Errs: errs}
}

// begun is a context for which a controller has not given a certificate yet.
type begun struct {
	contexts      *Contexts
	name, address string
	others        []string // the addresses of further controllers
	key           *ecdsa.PrivateKey
	request       []byte
	replace       bool   // overwrites the context of another user
	kept          string // the user whose context has the name
}

// begin makes a key for a new context of the controller at address, whose name is the
// controller's host if it is empty. It fails if the context could not be stored.
func (s *Contexts) begin(name, address string) (begun, error) {
	address, others, err := splitAddresses(address)
	if err != nil {
		return begun{}, usageError("%v", err)
	}
	if name == "" {
		name = nameOfContext(address)
	}
	if err := CheckContextName(name); err != nil {
		return begun{}, usageError("%v; choose a name with --name", err)
	}
	if err := s.mayAdd(name, append([]string{address}, others...)); err != nil {
		return begun{}, err
	}
	key, err := identity.NewKey()
	if err != nil {
		return begun{}, err
	}
	request, err := identity.NewRequest(identity.Identity{Kind: identity.User}, key)
	return begun{contexts: s, name: name, address: address, others: others, key: key, request: request}, err
}

var errNotStored = errors.New("store the context")

// store stores the context with the certificate that the controller has signed. sso says
// that a provider of identities vouches for the user. It returns the user's name.
func (n *begun) store(signed api.Certificate, sso bool) (user string, err error) {
	id, err := identity.Parse(signed.Identity)
	if err != nil || id.Kind != identity.User {
		return "", fmt.Errorf("the controller at %s has answered with the certificate of %s, which is no user", n.address, quote(signed.Identity))
	}
	private, err := identity.KeyPEM(n.key)
	if err != nil {
		return "", err
	}
	own := &Credentials{Key: n.key, cluster: signed.Cluster}
	if err := own.fits(id.Name, []byte(signed.Certificate), []byte(signed.Authorities)); err != nil {
		return "", fmt.Errorf("the controller at %s has answered with a certificate that is not usable: %w", n.address, err)
	}
	if err := n.choose(id.Name); err != nil {
		return "", fmt.Errorf("%w: %w", errNotStored, err)
	}
	c := Context{Name: n.name, Controller: n.address, Others: n.others, Cluster: signed.Cluster, User: id.Name, SSO: sso}
	if err := n.contexts.Add(c, private, []byte(signed.Certificate), []byte(signed.Authorities)); err != nil {
		return "", fmt.Errorf("%w: %w", errNotStored, err)
	}
	return id.Name, nil
}

// choose takes another name if the context with the name is that of another user. Only
// the controller's answer says who the user is, and the token is used up by then.
func (n *begun) choose(user string) error {
	first := n.name
	for i := 1; ; i++ {
		there, err := n.contexts.Find(n.name)
		switch {
		case errors.Is(err, ErrNoContext):
			return nil
		case err != nil:
			return err
		case n.replace && i == 1, there.User == user && there.isOf(append([]string{n.address}, n.others...)):
			return nil
		case i == 1:
			n.kept = there.User
		}
		if n.name = nameFor(first, user); i > 1 {
			n.name = nameFor(first, user+"-"+strconv.Itoa(i))
		}
	}
}

// nameFor returns the name of a context of a user, when the first name is taken.
func nameFor(first, user string) string {
	clean := strings.Map(func(r rune) rune {
		if r < 0x80 && contextName().MatchString("a"+string(r)) {
			return r
		}
		return '-'
	}, user)
	const most = 64
	clean = clean[max(0, len(clean)-most/2):] // a number at the end stays
	return first[:min(len(first), most-1-len(clean))] + "-" + clean
}

// tell says what the login has made.
func (n *begun) tell(log *Log, user string) {
	log.Notice("logged in to controller %s as %s; commands ask it from now on (context %s)", n.address, user, n.name)
	if os.Geteuid() == 0 && isHere(n.address) {
		log.Notice("root of this host needs no login and is an admin; until zeekfleet logout, commands of root act as user %s", user)
	}
	if n.kept != "" && n.kept != user {
		log.Notice("the context of user %s stays: zeekfleet context use NAME changes between them; --replace would have overwritten it", n.kept)
	}
}

// isHere reports whether address is one of this host.
func isHere(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.IsLoopback() {
		return api.IsLoopback(address)
	}
	own, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(own, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr() == ip.WithZone("")
	})
}

// loginMessage returns the error of a login that failed, for a person.
func loginMessage(address string, err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return fmt.Errorf("cannot reach controller %s: %s", address, dialReason(err))
	}
	return err
}

// nameOfContext returns the name of a context for a controller at address: its host.
func nameOfContext(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		return strings.Trim(strings.NewReplacer(":", "-", "%", "-").Replace("ip6-"+host), "-")
	}
	return host
}

// isOf reports whether a controller of the context is at one of these addresses.
func (c *Context) isOf(addresses []string) bool {
	return slices.ContainsFunc(c.addresses(), func(one string) bool { return slices.Contains(addresses, one) })
}

// mayAdd returns an error if a context of the controllers at these addresses cannot be added
// under a name.
func (s *Contexts) mayAdd(name string, addresses []string) error {
	there, err := s.Find(name)
	switch {
	case errors.Is(err, ErrNoContext):
		return s.writable()
	case err != nil:
		return err
	case !there.isOf(addresses):
		return fmt.Errorf("context %s is already that of controller %s: choose another name with --name, or say that its controller has moved (zeekfleet context set %[1]s --controller %[3]s)", name, there.Controller, addresses[0])
	}
	return s.writable()
}

// writable returns an error if nothing can be added.
func (s *Contexts) writable() error {
	return s.change(func(*contextsForm2) error { return nil })
}
