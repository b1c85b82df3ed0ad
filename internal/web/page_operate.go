package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web/ui"
)

// registerOperate adds the pages that begin operations with nodes, and those of operations.
func (a *routes) registerOperate() {
	s := pages{a.s}
	operate, history := rowOf(mgmt.OperateRequest{}), rowOf(mgmt.GetHistoryRequest{})
	a.page(page{pattern: "GET " + ui.PathOperate, may: operate, section: ui.PathFleet}, s.askOperate)
	a.page(page{pattern: "POST " + ui.PathOperate, may: operate, section: ui.PathFleet}, s.operate)
	a.page(page{pattern: "GET " + ui.PathOperations + "/{id}", may: history, section: ui.PathDeployments}, s.operation)
	a.page(page{pattern: "GET " + ui.PathOperations + "/{id}/stream", may: history}, s.operationStream)
}

// askOperate asks whether nodes shall be started, stopped and so on.
func (s pages) askOperate(v *visit) (shown, error) {
	q := v.URL.Query()
	o := ui.Operate{Kind: q.Get("kind"), Selectors: q.Get("nodes"), Back: ownPath(q.Get("back"), ui.PathFleet)}
	if !knownKind(o.Kind) {
		return shown{}, problem(http.StatusNotFound, "there is no such operation: it is start, stop, restart, pause or resume")
	}
	var err error
	if o.Nodes, err = s.selected(v.Context(), strings.Fields(o.Selectors)); err != nil {
		if statusOf(err) != http.StatusUnprocessableEntity {
			return shown{}, err
		}
		o.Wrong = err.Error()
	}
	return show(ui.OperatePage(o))
}

func knownKind(kind string) bool {
	switch kind {
	case api.KindStart, api.KindStop, api.KindRestart, api.KindPause, api.KindResume:
		return true
	}
	return false
}

// selected returns the deployed nodes that selectors name. Without selectors it is all of them.
func (s pages) selected(ctx context.Context, texts []string) ([]api.Node, error) {
	snap, err := views(s).snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if snap.Deployed == nil || len(snap.Deployed.Config.Nodes) == 0 {
		return nil, problem(http.StatusUnprocessableEntity, "no nodes are deployed")
	}
	selectors, err := mgmt.ParseSelectors(texts)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, err.Error())
	}
	names, err := selectors.Select(snap.Deployed.Config.Nodes)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, err.Error())
	}
	wanted := map[mgmt.NodeName]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	states := map[[2]string]mgmt.State{}
	for _, in := range snap.Instances {
		for _, n := range in.Nodes {
			states[[2]string{string(in.Name), string(n.Node)}] = n.State
		}
	}
	var list []api.Node
	for _, n := range snap.Deployed.Config.Nodes {
		if !selectors.None() && !wanted[n.Name] {
			continue
		}
		one := api.Node{Name: string(n.Name), Instance: string(n.Instance), Role: string(n.Role), State: string(states[[2]string{string(n.Instance), string(n.Name)}])}
		if one.State == "" {
			one.State = string(mgmt.Unknown)
		}
		list = append(list, one)
	}
	return list, nil
}

// operate begins an operation with nodes.
func (s pages) operate(v *visit) (shown, error) {
	if err := v.readForm(); err != nil {
		return shown{}, err
	}
	if !knownKind(v.field("kind")) {
		return shown{}, problem(http.StatusUnprocessableEntity, "there is no such operation: it is start, stop, restart, pause or resume")
	}
	req := api.OperateRequest{Kind: v.field("kind"), Selectors: strings.Fields(v.field("nodes")), Note: clip(v.field("note"), 1000)}
	if text := v.field("batch"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 20_000 {
			return shown{}, problem(http.StatusUnprocessableEntity, "how many at a time is a number from 1 to 20000")
		}
		req.Batch = n
	}
	begun, err := changes(s).operate(v.Context(), &operateInput{req})
	if err != nil {
		return shown{}, err
	}
	return goTo(ui.OperationPath(begun.Body.ID))
}

func (s pages) operation(v *visit) (shown, error) {
	o, err := s.operationNow(v.Context(), v)
	if err != nil {
		return shown{}, err
	}
	return show(ui.OperationPage(o))
}

// operationNow returns what the page of an operation shows.
func (s pages) operationNow(ctx context.Context, v *visit) (ui.Operation, error) {
	id, err := strconv.ParseUint(v.PathValue("id"), 10, 64)
	if err != nil {
		return ui.Operation{}, problem(http.StatusNotFound, "the name of an operation is a number")
	}
	found, err := views(s).getOperation(ctx, &operationInput{ID: id})
	if err != nil {
		return ui.Operation{}, err
	}
	return ui.Operation{Now: time.Now(), Operation: found.Body, CanOperate: v.may(rowOf(mgmt.OperateRequest{}))}, nil
}

func (s pages) operationStream(v *visit) (shown, error) {
	return shown{}, s.feed(v, renewed(func(ctx context.Context) ([]ui.Piece, error) {
		o, err := s.operationNow(ctx, v)
		if err != nil {
			return nil, err
		}
		return ui.OperationPieces(o), nil
	}))
}
