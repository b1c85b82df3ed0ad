package access

import (
	"fmt"
	"reflect"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Row says who may make a request.
type Row struct {
	// Name is what people call the request.
	Name string
	// May is the lowest role of a user who may make it. mgmt.NoUser means that it proves
	// by itself that it may be made.
	May mgmt.UserRole
	// Changes says that it changes something, or says who may. It is then in the audit.
	Changes bool
}

// Forbids returns why a user with too low a role may not make the request.
func (r Row) Forbids(who mgmt.Principal) string {
	return Denied(who, r.Name, r.May)
}

// rows is the table of the administrative requests: one row for each type.
var rows = []struct {
	Request
	Row
}{
	{CreateToken{}, Row{"token create", mgmt.Admin, true}},
	{ListTokens{}, Row{"token list", mgmt.Admin, false}},
	{RevokeToken{}, Row{"token revoke", mgmt.Admin, true}},
	{Join{}, Row{"join", mgmt.NoUser, true}},
	{JoinController{}, Row{"controller join", mgmt.NoUser, true}},
	{Sign{}, Row{"cert sign", mgmt.Admin, true}},
	{Renew{}, Row{"renew", mgmt.NoUser, true}},
	{ListCertificates{}, Row{"cert list", mgmt.Admin, false}},
	{RevokeCertificate{}, Row{"cert revoke", mgmt.Admin, true}},
	{RotateAuthority{}, Row{"ca rotate", mgmt.Admin, true}},
	{ListAuthorities{}, Row{"ca show", mgmt.Viewer, false}},
	{AddUser{}, Row{"user add", mgmt.Admin, true}},
	{SetRole{}, Row{"user role", mgmt.Admin, true}},
	{RemoveUser{}, Row{"user remove", mgmt.Admin, true}},
	{ListUsers{}, Row{"user list", mgmt.Admin, false}},
	{Login{}, Row{"login", mgmt.NoUser, true}},
	{LoginSSO{}, Row{"login --sso", mgmt.NoUser, true}},
	{CreateAPIToken{}, Row{"token create --user", mgmt.Admin, true}},
	{ListOwnTokens{}, Row{"token list --own", mgmt.Viewer, false}},
	{CreateOwnToken{}, Row{"token create --own", mgmt.Viewer, true}},
	{RevokeOwnToken{}, Row{"token revoke --own", mgmt.Viewer, true}},
}

var rowsByType = func() map[reflect.Type]Row {
	m := map[reflect.Type]Row{}
	for _, r := range rows {
		m[reflect.TypeOf(r.Request)] = r.Row
	}
	return m
}()

// RowOf returns the table's row of a request.
func RowOf(req Request) Row {
	row, ok := rowsByType[reflect.TypeOf(req)]
	if !ok {
		panic(fmt.Sprintf("access: the table of requests has no row for %T", req))
	}
	return row
}

// Requests returns an empty request of each type, in the order of the table.
func Requests() []Request {
	var all []Request
	for _, r := range rows {
		all = append(all, r.Request)
	}
	return all
}

// streamRows is the table of what agents are asked for in streams. What a node prints may
// be secret, and so may what a crash has left.
var streamRows = []struct {
	Kind mgmt.StreamKind
	Row
}{
	{mgmt.StreamLogs, Row{"read logs", mgmt.Operator, false}},
	{mgmt.StreamCrashes, Row{"list crashes", mgmt.Viewer, false}},
	{mgmt.StreamCrash, Row{"read crash", mgmt.Operator, false}},
	{mgmt.StreamHost, Row{"list hosts", mgmt.Viewer, false}},
	{mgmt.StreamDiag, Row{"read diag", mgmt.Operator, false}},
	{mgmt.StreamMetrics, Row{"read metrics", mgmt.Viewer, false}},
	{mgmt.StreamExec, Row{"exec", mgmt.Admin, false}},
	{mgmt.StreamSettings, Row{"read settings of hosts", mgmt.Operator, false}},
}

// StreamRow returns the row of a kind of streams, and false if users cannot ask for it.
func StreamRow(kind mgmt.StreamKind) (Row, bool) {
	for _, r := range streamRows {
		if r.Kind == kind {
			return r.Row, true
		}
	}
	return Row{}, false
}

// ReadAudit is the row of reading the audit, which is no request to the authority.
var ReadAudit = Row{"audit", mgmt.Admin, false}

// The rows of what is asked about the content of bundles, which is no request to the
// authority. Scripts and data may have secrets in them.
var (
	ListBundles  = Row{"bundle list", mgmt.Viewer, false}
	PullBundle   = Row{"bundle pull", mgmt.Operator, false}
	PushBundle   = Row{"bundle push", mgmt.Operator, true}
	RemoveBundle = Row{"bundle remove", mgmt.Operator, true}
	PruneBundles = Row{"bundle prune", mgmt.Operator, true}
)

// The rows of what is asked about the controllers of the cluster, which is no request to the
// authority. A backup has all secrets of the cluster in it: beside the role, it takes a caller
// on the controller's host who could read its files.
var (
	ListControllers  = Row{"controllers", mgmt.Viewer, false}
	RemoveController = Row{"controller remove", mgmt.Admin, true}
	LeadController   = Row{"controller lead", mgmt.Admin, true}
	Backup           = Row{"backup", mgmt.Admin, true}
)

// Table returns the rows of everything that a user may ask for: the requests of the
// Management API first.
func Table() []Row {
	var all []Row
	for _, req := range mgmt.Requests() {
		if kind := mgmt.KindOf(req); kind.May != mgmt.NoUser {
			all = append(all, Row{kind.Name(), kind.May, kind.May > mgmt.Viewer})
		}
	}
	for _, r := range streamRows {
		all = append(all, r.Row)
	}
	for _, r := range alertRows {
		all = append(all, r.Row)
	}
	all = append(all, ListBundles, PullBundle, PushBundle, RemoveBundle, PruneBundles)
	all = append(all, ListControllers, RemoveController, LeadController, Backup)
	for _, r := range rows {
		all = append(all, r.Row)
	}
	return append(all, ReadAudit)
}
