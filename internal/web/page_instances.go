package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// instancePages are the pages of the instances.
type instancePages struct{ pages }

// registerInstances adds the pages of the instances.
func (a *routes) registerInstances() {
	s, look, one := instancePages{pages{a.s}}, rowOf(mgmt.GetNodesRequest{}), ui.PathInstances+"/{instance}"
	a.page(page{pattern: "GET " + ui.PathInstances, may: look, section: ui.PathInstances}, s.instances)
	a.page(page{pattern: "GET " + ui.PathInstancesStream, may: look}, s.instancesStream)
	a.page(page{pattern: "GET " + one, may: look, section: ui.PathInstances}, s.instance)
	a.page(page{pattern: "GET " + one + "/stream", may: look}, s.instanceStream)
	a.page(page{pattern: "POST " + one + "/preflight", may: rowOf(mgmt.PlanRequest{}), section: ui.PathInstances}, s.preflight)
}

func (s instancePages) instances(v *visit) (shown, error) {
	i, err := s.instancesNow(v.Context(), v)
	if err != nil {
		return shown{}, err
	}
	return show(ui.InstancesPage(i))
}

func (s instancePages) instancesStream(v *visit) (shown, error) {
	return shown{}, s.feed(v, renewed(func(ctx context.Context) ([]ui.Piece, error) {
		i, err := s.instancesNow(ctx, v)
		if err != nil {
			return nil, err
		}
		return []ui.Piece{ui.InstancesNow(i)}, nil
	}))
}

// instancesNow returns all instances, with what is known of their hosts. Only who may list
// certificates sees when they end.
func (s instancePages) instancesNow(ctx context.Context, v *visit) (ui.Instances, error) {
	i := ui.Instances{Now: time.Now().Truncate(time.Minute), CanJoin: v.may(access.RowOf(access.CreateToken{}))}
	found, err := views(s.pages).listInstances(ctx, &taggedPageInput{PageInput: PageInput{Limit: maxNodes}})
	if err != nil {
		return i, err
	}
	snap, err := views(s.pages).snapshot(ctx)
	if err != nil {
		return i, err
	}
	status, hosts, ends := clusterStatus(views(s.pages), snap, time.Now(), nil, nil, nil), s.hostsByName(ctx), map[string]time.Time{}
	for _, c := range s.certificatesOf(ctx, v) {
		if c.Revoked.IsZero() && c.Expires.After(ends[c.Identity]) {
			ends[c.Identity] = c.Expires
		}
	}
	for _, in := range found.Body.Items {
		one := ui.Instance{Instance: in, Host: hosts[in.Name], Certificate: ends[agentOf(in.Name)]}
		for _, d := range status.Wrong {
			if d.Instance == in.Name {
				one.Wrong = append(one.Wrong, d)
			}
		}
		i.List = append(i.List, one)
	}
	return i, nil
}

// hostsByName returns what agents have told of their hosts.
func (s instancePages) hostsByName(ctx context.Context) map[string]*api.Host {
	all := map[string]*api.Host{}
	if found, err := views(s.pages).listHosts(ctx, &hostsInput{}); err == nil { // the pages do without
		for _, h := range found.Body.Items {
			all[h.Instance] = &h
		}
	}
	return all
}

func agentOf(instance string) string {
	return identity.Identity{Kind: identity.Agent, Name: instance}.String()
}

// certificatesOf returns the certificates, if the user may list them.
func (s instancePages) certificatesOf(ctx context.Context, v *visit) []api.IssuedCertificate {
	if !v.may(access.RowOf(access.ListCertificates{})) {
		return nil
	}
	found, err := certificates(s.pages).listCertificates(ctx, &PageInput{Limit: maxNodes})
	if err != nil {
		return nil // this controller signs none
	}
	return found.Body.Items
}

func (s instancePages) instance(v *visit) (shown, error) {
	d, err := s.instanceNow(v.Context(), v)
	if err != nil {
		return shown{}, err
	}
	return show(ui.InstancePage(d))
}

func (s instancePages) instanceStream(v *visit) (shown, error) {
	return shown{}, s.feed(v, renewed(func(ctx context.Context) ([]ui.Piece, error) {
		d, err := s.instanceNow(ctx, v)
		if err != nil {
			return nil, err
		}
		return ui.InstanceNow(d), nil
	}))
}

// instanceNow returns what the page of an instance shows.
func (s instancePages) instanceNow(ctx context.Context, v *visit) (ui.InstanceDetail, error) {
	name := v.PathValue("instance")
	all, err := s.instancesNow(ctx, v)
	d := ui.InstanceDetail{Now: all.Now, CanJoin: all.CanJoin, CanOperate: v.may(rowOf(mgmt.OperateRequest{})), CanCheck: v.may(rowOf(mgmt.PlanRequest{}))}
	if err != nil {
		return d, err
	}
	i := slices.IndexFunc(all.List, func(one ui.Instance) bool { return one.Name == name })
	if i < 0 {
		return d, problem(http.StatusNotFound, fmt.Sprintf("there is no instance %.100q", name))
	}
	d.Instance = all.List[i]
	nodes, err := views(s.pages).listNodes(ctx, &taggedPageInput{PageInput: PageInput{Limit: maxNodes}})
	if err != nil {
		return d, err
	}
	for _, n := range nodes.Body.Items {
		if n.Instance == name && n.Role != string(mgmt.RoleAgent) && n.Role != string(mgmt.RoleController) {
			d.Nodes = append(d.Nodes, n)
		}
	}
	if t, err := trafficPages(s).trafficNow(ctx, name); err == nil && len(t.Hosts) > 0 { // else there are no samples
		d.Interfaces, d.Untold = t.Hosts[0].Interfaces, t.Hosts[0].Err
	}
	for _, c := range s.certificatesOf(ctx, v) {
		if id, err := identity.Parse(c.Identity); err == nil && id.Kind == identity.Agent && id.Name == name {
			d.Certificates = append(d.Certificates, c)
		}
	}
	return d, nil
}

// preflight shows what the preflight of an instance finds. It changes nothing, but it is a form:
// hosts work for it.
func (s instancePages) preflight(v *visit) (shown, error) {
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	p := ui.Preflight{Instance: v.PathValue("instance"), Staged: v.field("staged") != ""}
	snap, err := views(s.pages).snapshot(v.Context())
	if err != nil {
		return shown{}, err
	}
	p.HasStaged = snap.Staged != nil
	found, err := changes(s.pages).preflight(v.Context(), &preflightInput{NameInput{p.Instance}, api.PreflightRequest{Staged: p.Staged}})
	if err != nil {
		return shown{}, err
	}
	p.Plan = found.Body
	return show(ui.PreflightPage(p))
}
