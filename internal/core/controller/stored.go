package controller

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The keys under which a State is stored. Each configuration, each description of a
// revision and each operation has a value of its own. So only what has changed is
// written.
const (
	stateKey  = "state"
	stagedKey = "staged"
	readyKey  = "ready"
	// These are prefixes of keys. Sixteen hex digits follow: the number of a revision, or
	// of an operation. A revision has a description under revisionKeys, and its
	// configuration under deployedKeys as long as the configuration is kept.
	revisionKeys  = "revision/"
	deployedKeys  = "deployed/"
	operationKeys = "operation/"
)

func numbered(prefix string, number uint64) string { return fmt.Sprintf("%s%016x", prefix, number) }

func operationKey(id mgmt.OperationID) string { return numbered(operationKeys, uint64(id)) }

// DeployedKey returns the key of the configuration of a revision.
func DeployedKey(revision uint64) string { return numbered(deployedKeys, revision) }

func revisionKey(revision uint64) string { return numbered(revisionKeys, revision) }

// storedForm is the newest form of the values. stored1.go has the form before it.
const storedForm = 2

// stateForm2 is the value of stateKey, in form 2. A revision of zero means none.
type stateForm2 struct {
	Version  int    `json:"version"`
	Revision uint64 `json:"revision"`
	Staged   uint64 `json:"staged,omitempty"`
	// Ready has no value of its own if it is the deployed revision.
	Ready    uint64              `json:"ready,omitempty"`
	Deployed uint64              `json:"deployed,omitempty"`
	Refused  []mgmt.InstanceName `json:"refused,omitempty"`
	Leaving  []leavingForm1      `json:"leaving,omitempty"`
	Stopped  []mgmt.NodeName     `json:"stopped,omitempty"`
	Paused   []mgmt.NodeName     `json:"paused,omitempty"`
	// LastOperation is the highest number of an operation so far.
	LastOperation mgmt.OperationID `json:"last_operation,omitempty"`
}

type leavingForm1 struct {
	Instance form.Instance `json:"instance"`
	Since    time.Time     `json:"since"`
}

// originForm2 is form 2 of a mgmt.Origin.
type originForm2 struct {
	Note      string             `json:"note,omitempty"`
	Kind      mgmt.OperationKind `json:"kind,omitempty"`
	From      uint64             `json:"from,omitempty"`
	Of        uint64             `json:"of,omitempty"`
	Operation mgmt.OperationID   `json:"operation,omitempty"`
}

// descriptionForm2 is the value of one description, in form 2. Whether the
// configuration is kept, the store says by having it. Bundles came later: a description
// without them is the same as before, and an earlier program refuses one with some.
type descriptionForm2 struct {
	Version  int       `json:"version"`
	Revision uint64    `json:"revision"`
	When     time.Time `json:"when"`
	Who      string    `json:"who"`
	originForm2
	ID        string        `json:"id"`
	Instances int           `json:"instances"`
	Nodes     int           `json:"nodes"`
	Bytes     int           `json:"bytes"`
	Bundles   []form.Bundle `json:"bundles,omitempty"`
}

// entryForm2 is the value of one Entry, in form 2.
type entryForm2 struct {
	Version  int       `json:"version"`
	Revision uint64    `json:"revision"`
	When     time.Time `json:"when"`
	Who      string    `json:"who"`
	originForm2
	Found []mgmt.InstanceName `json:"found,omitempty"`
	// AssignedPorts and AssignedMetricsPorts are missing in older entries. Ports of such an entry
	// count as set by its user.
	AssignedPorts        []mgmt.NodeName    `json:"assigned_ports,omitempty"`
	AssignedMetricsPorts []mgmt.NodeName    `json:"assigned_metrics_ports,omitempty"`
	Configuration        form.Configuration `json:"configuration"`
}

// encode returns the value of e. The first call also sets e.size. At that time no
// other goroutine has e.
func (e *Entry) encode() []byte {
	value := form.EncodeWith(entryForm2{
		storedForm, e.Revision, e.When.UTC(), e.Who, originForm2(e.Origin), e.Found, e.Assigned.Broker, e.Assigned.Metrics, form.Configuration{},
	}, "configuration", e.Config)
	if e.size == 0 {
		e.size = len(value)
	}
	return value
}

// ReadEntry returns the Entry that a value holds.
func ReadEntry(value []byte) (*Entry, error) {
	version, err := form.Version(value, storedForm)
	switch {
	case err != nil:
		return nil, err
	case version == 0:
		return nil, fmt.Errorf("a configuration is not stored in form %d", version)
	case version == 1:
		return readEntry1(value)
	}
	var f entryForm2
	if err := form.Decode(value, &f); err != nil {
		return nil, err
	}
	return &Entry{
		Config: f.Configuration.Configuration(), Revision: f.Revision, When: f.When, Who: f.Who,
		Origin: mgmt.Origin(f.originForm2), Found: f.Found, size: len(value),
		Assigned: mgmt.AssignedPorts{Broker: f.AssignedPorts, Metrics: f.AssignedMetricsPorts},
	}, nil
}

// encodePast returns the value of a description.
func encodePast(p mgmt.PastConfig) []byte {
	return form.Encode(descriptionForm2{
		storedForm, p.Revision, p.When.UTC(), p.Who, originForm2(p.Origin), p.ID, p.Instances, p.Nodes, p.Bytes,
		form.NewBundles(p.Bundles),
	})
}

func readPast(value []byte) (mgmt.PastConfig, error) {
	var f descriptionForm2
	if err := readForm2(value, &f); err != nil {
		return mgmt.PastConfig{}, err
	}
	return mgmt.PastConfig{
		Revision: f.Revision, When: f.When, Who: f.Who, Origin: mgmt.Origin(f.originForm2),
		ID: f.ID, Instances: f.Instances, Nodes: f.Nodes, Bytes: f.Bytes, Bundles: form.Bundles(f.Bundles),
	}, nil
}

// readForm2 reads a value that has no form before form 2.
func readForm2(value []byte, f any) error {
	version, err := form.Version(value, storedForm)
	if err != nil {
		return err
	}
	if version != storedForm {
		return fmt.Errorf("it is not stored in form %d", version)
	}
	return form.Decode(value, f)
}

// encode returns the value of stateKey.
func (s State) encode() []byte {
	f := stateForm2{
		Version: storedForm, Revision: s.Revision, Refused: s.Refused, Stopped: s.Stopped, Paused: s.Paused, LastOperation: s.LastOperation,
		Staged: s.Staged.revision(), Ready: s.Ready.revision(), Deployed: s.Deployed.revision(),
	}
	for _, l := range s.Leaving {
		f.Leaving = append(f.Leaving, leavingForm1{form.NewInstance(l.Instance), l.Since.UTC()})
	}
	return form.Encode(f)
}

func (e *Entry) revision() uint64 {
	if e == nil {
		return 0
	}
	return e.Revision
}
