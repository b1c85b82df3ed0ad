package authority

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Machine makes the authority's decisions.
type Machine struct {
	*base
	tokens       *tokens
	joining      *joining
	users        *users
	certificates *certificates
	rotation     *rotation
	upkeep       *upkeep
	publishing   *publishing
	members      *members
	// retryAt is when the upkeep is tried again that could not be saved.
	retryAt time.Time
}

// saving is a save that is not answered.
type saving struct {
	// asked is the request that wants it, and outcome its outcome. Nil means upkeep.
	asked   *Request
	outcome outcome
}

// outcome is what a request comes to. If it is no refusal, the edits of the Step are saved
// before it is told.
type outcome struct {
	answer access.Answer
	// subject is what the request is about. Empty means what its fields say.
	subject string
}

// New returns the machine of an authority that saved this state when it last ran, or the
// zero State if it never ran. The State belongs to the machine from now on.
func New(cfg Config, saved State, maker Maker) *Machine {
	if saved.cluster == nil {
		saved = newState()
	}
	b := &base{cfg: cfg.WithDefaults(), maker: maker, state: saved}
	t, i, r := &tokens{b}, issuing{b}, rotation{b}
	return &Machine{
		base: b, tokens: t, joining: &joining{i, t}, users: &users{b, t}, certificates: &certificates{b},
		rotation: &r, upkeep: &upkeep{r, i, &members{i}}, publishing: &publishing{rotation: r}, members: &members{i},
	}
}

// Step handles ev and returns the effects that the shell must execute now, in order. The
// first event must be Start. The very next event after a Save must be Saved or Deposed.
// Step panics if it is another event, or if Saved or Deposed comes without a Save.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	m.now, m.out = now, nil
	if answersSave(ev) != (m.saving != nil) {
		panic(fmt.Sprintf("authority: event %T while a save is unanswered: %t", ev, m.saving != nil))
	}
	if start, ok := ev.(Start); ok == (m.started != nil) {
		panic(fmt.Sprintf("authority: event %T after Start: %t", ev, m.started != nil))
	} else if ok {
		m.started = &start
		m.members.set(start.Members)
	}
	m.handle(ev)
	if m.saving == nil && !m.deposed {
		m.keepUp()
	}
	return m.out
}

func answersSave(ev Event) bool {
	switch ev.(type) {
	case Saved, Deposed:
		return true
	}
	return false
}

func (m *Machine) handle(ev Event) {
	switch ev := ev.(type) {
	case Start:
		m.publishing.stale = stale{directory: true, bearers: true, fresh: true}
	case MembersChanged:
		m.members.set(ev.Members)
	case Request:
		m.request(ev)
	case BearerUsed:
		m.tokens.bearerUsed(ev.Token)
	case CertificateUsed:
		m.rotation.certificateUsed(ev.Serial)
	case Saved:
		m.saved(ev.Err)
	case Deposed:
		m.deposed = true
		m.saved("another process has changed the stored state")
	case Tick:
	default:
		panic(fmt.Sprintf("authority: unhandled event %T", ev))
	}
}

// request judges a request, and answers it now or after its edits are saved.
func (m *Machine) request(ev Request) {
	o := outcome{}
	switch row := access.RowOf(ev.Req); {
	case m.deposed:
		o = refuse(access.Failed, "this controller no longer leads: another process has changed the stored state")
	case ev.Who.Role < row.May:
		o = refuse(access.Forbidden, "%s", row.Forbids(ev.Who))
	default:
		o = m.decide(ev.Who, ev.Req)
	}
	if _, refused := o.answer.(access.Refusal); refused {
		m.undo()
	}
	if len(m.edits) == 0 {
		m.answer(ev, o)
		return
	}
	m.save(&saving{asked: &ev, outcome: o})
}

// refuse returns the outcome of a request that is refused.
func refuse(why access.Why, format string, args ...any) outcome {
	return outcome{answer: access.Refusal{Why: why, Reason: fmt.Sprintf(format, args...)}}
}

// answer answers a request whose edits are saved.
func (m *Machine) answer(ev Request, o outcome) {
	row := access.RowOf(ev.Req)
	refusal, refused := o.answer.(access.Refusal)
	record := mgmt.AuditRecord{
		Time: m.now, Who: ev.Who.Name, Role: ev.Who.Role, Source: ev.Who.Source,
		Request: row.Name, Subject: o.subject, Outcome: mgmt.AuditDone, Reason: refusal.Reason,
	}
	if record.Subject == "" {
		record.Subject = subjectOf(ev.Req)
	}
	log := Note{Note: note.Note{Level: Info, Text: "access changed"}, Who: ev.Who, Request: row.Name}
	switch {
	case refusal.Why == access.Failed:
		record.Outcome = mgmt.AuditFailed
		log.Level, log.Text = Error, "access request failed"
	case refused:
		record.Outcome = mgmt.AuditRefused
		log.Level, log.Text = Warn, "access request refused"
	}
	if row.Changes || refusal.Why == access.Forbidden {
		m.emit(Audit{record})
		log.Err = refusal.Reason
		log.Subject = record.Subject
		m.emit(log)
	}
	m.emit(Reply{ev.ID, o.answer})
}

// saved takes the outcome of the Save.
func (m *Machine) saved(err string) {
	s := m.saving
	m.saving = nil
	if err == "" {
		for _, e := range m.edits {
			m.publishing.stale.note(e)
			m.publishing.tell(e)
		}
		m.edits = nil
		m.publishing.publish()
	}
	m.undo()
	if err != "" && s.asked == nil {
		m.retryAt = m.now.Add(m.cfg.RetryDelay)
		m.emit(Note{Note: note.Note{Level: Error, Text: "state not saved", Err: err}})
	}
	if err != "" && s.asked != nil {
		s.outcome.answer = access.Refusal{Why: access.Failed, Reason: "nothing was changed, because it could not be saved: " + err}
	}
	if s.asked != nil {
		m.answer(*s.asked, s.outcome)
	}
}

// keepUp does everything that is due without a request, up to a Save.
func (m *Machine) keepUp() {
	if m.now.Before(m.retryAt) {
		return
	}
	before := len(m.out)
	if err := m.upkeep.found(); err != nil {
		m.undo()
		m.out = m.out[:before]
		m.retryAt = m.now.Add(m.cfg.RetryDelay)
		m.emit(Note{Note: note.Note{Level: Error, Text: "the authority cannot sign", Err: err.Error()}})
		return
	}
	m.upkeep.forget()
	if len(m.edits) > 0 {
		m.save(&saving{})
		return
	}
	m.publishing.publish()
}

// NextWake returns when the Machine needs a Tick if no event comes before. It returns
// false if the Machine needs none.
func (m *Machine) NextWake() (time.Time, bool) {
	if m.started == nil || m.deposed {
		return time.Time{}, false
	}
	if m.now.Before(m.retryAt) {
		return m.retryAt, true
	}
	return m.upkeep.next()
}

// decide returns what a request comes to that its principal may make.
func (m *Machine) decide(who mgmt.Principal, req access.Request) outcome {
	switch req := req.(type) {
	case access.CreateToken:
		return m.tokens.createToken(who, req)
	case access.ListTokens:
		return outcome{answer: m.tokens.listTokens()}
	case access.RevokeToken:
		return m.tokens.revokeToken(req)
	case access.CreateAPIToken:
		return m.tokens.createAPIToken(who, req)
	case access.ListOwnTokens:
		return outcome{answer: m.tokens.listOwn(who)}
	case access.CreateOwnToken:
		return m.tokens.createOwn(who, req)
	case access.RevokeOwnToken:
		return m.tokens.revokeOwn(who, req)
	case access.AddUser:
		return m.users.addUser(who, req)
	case access.SetRole:
		return m.users.setRole(req)
	case access.RemoveUser:
		return m.users.removeUser(req)
	case access.ListUsers:
		return outcome{answer: m.users.listUsers()}
	case access.ListCertificates:
		return outcome{answer: m.certificates.listCertificates()}
	case access.RevokeCertificate:
		return m.certificates.revokeCertificate(req)
	case access.ListAuthorities:
		return outcome{answer: m.rotation.listAuthorities()}
	case access.LoginSSO:
		return m.joining.loginSSO(req)
	}
	if len(m.cfg.Foreign) > 0 {
		return m.unavailable()
	}
	switch req := req.(type) {
	case access.Join:
		return m.joining.join(req)
	case access.JoinController:
		return m.joining.joinController(req)
	case access.Sign:
		return m.joining.sign(req)
	case access.Renew:
		return m.joining.renew(req)
	case access.Login:
		return m.joining.login(req)
	case access.RotateAuthority:
		return m.rotation.rotate(req)
	}
	panic(fmt.Sprintf("authority: unhandled request %T", req))
}

// unavailable refuses to sign.
func (m *base) unavailable() outcome {
	return refuse(access.Unavailable, "this controller has no authority of its own: its certificate comes from a file (tls.cert); get one from the authority that has signed it")
}

// subjectOf returns what a request names.
func subjectOf(req access.Request) string {
	switch req := req.(type) {
	case access.CreateToken:
		return ownerOf(req).String()
	case access.RevokeToken:
		return req.ID
	case access.Sign:
		return req.Identity.String()
	case access.Renew:
		return req.Identity.String()
	case access.RevokeCertificate:
		if req.Serial != "" {
			return req.Serial
		}
		return req.Identity.String()
	case access.AddUser:
		return userText(req.Name)
	case access.SetRole:
		return userText(req.Name)
	case access.RemoveUser:
		return userText(req.Name)
	case access.LoginSSO:
		return userText(req.Name)
	case access.CreateAPIToken:
		return userText(req.User)
	case access.RevokeOwnToken:
		return req.ID
	}
	return ""
}

// userText returns the identity of a user as text.
func userText(name string) string {
	return identity.Identity{Kind: identity.User, Name: name}.String()
}
