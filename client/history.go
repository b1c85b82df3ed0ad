package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// DeployedRevision describes a configuration that is deployed, or was deployed
// before.
type DeployedRevision struct {
	// Revision is the number of the revision. Later revisions have higher numbers.
	Revision uint64
	When     time.Time // in UTC, by the controller's clock
	// Who names the user who deployed it: an account of the controller's host, the
	// name of a certificate, or an address.
	Who string
	// ID is the ID of the configuration. Instances and Nodes are their numbers in it.
	ID               string
	Instances, Nodes int
	// Note is what the user has said about it. Kind is deploy, rollback or revert. From is
	// the revision that was deployed before, and Of the one whose content was deployed
	// again. Operation is the operation that has deployed it. Kept says that the controller
	// still has the configuration. An earlier version of zeekfleet says none of these.
	Note, Kind string
	From, Of   uint64
	Operation  uint64
	Kept       bool
}

// ErrNoHistory says that the controller keeps no history. Zeek's controller and
// earlier versions of zeekfleet do not.
var ErrNoHistory = errors.New("this controller keeps no history of deployments")

// GetHistory describes the deployed configuration and the configurations that were
// deployed before it, newest first. The list is empty if nothing was ever deployed.
func (c *Client) GetHistory(ctx context.Context) ([]DeployedRevision, error) {
	if err := c.renewWithin(ctx); err != nil {
		return nil, err
	}
	if !c.announced(mgmt.History) {
		return nil, ErrNoHistory
	}
	result, err := first(c.transact(ctx, mgmt.GetHistoryRequest{ReqID: newReqID()}))
	switch text, ok := result.Data.(Text); {
	case err != nil:
		return nil, err
	case !result.Success:
		return nil, fmt.Errorf("get history: %s", result.Error)
	case !ok:
		return nil, errors.New("get history: the answer carries no text")
	default:
		var list []mgmt.DeployedRevision
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			return nil, fmt.Errorf("get history: the answer is no list of revisions: %w", err)
		}
		return each(list, deployedRevision), nil
	}
}

func deployedRevision(d mgmt.DeployedRevision) DeployedRevision {
	return DeployedRevision{
		Revision: d.Revision, When: d.When, Who: d.Who, ID: d.ID, Instances: d.Instances, Nodes: d.Nodes,
		Note: d.Note, Kind: string(d.Kind), From: d.From, Of: d.Of, Operation: uint64(d.Operation), Kept: d.Kept,
	}
}
