package mgmt

// FleetPlan says what a deployment would do now.
type FleetPlan struct {
	// Deployed is the revision that is deployed now. Zero is none.
	Deployed uint64
	// Nodes has every node of the new and of the deployed configuration, sorted by
	// instance and node.
	Nodes []PlannedNode
	// Bundles has every bundle that nodes of an instance use, or have used so far, sorted
	// by instance and name.
	Bundles []PlannedBundle
	// Problems are the findings of the preflight of all hosts, and Doubts are warnings.
	// With a problem, the deployment would be refused.
	Problems, Doubts []PlanFinding
	// Unknown has the instances that did not say what they would do, with the reason.
	Unknown []PlanFinding
	// Fetching has the instances that still fetch bundles, and did not check anything. They
	// go on, and a later plan is complete.
	Fetching []PlannedFetch
}

// PlannedFetch is an InstancePlanFetch with the instance.
type PlannedFetch struct {
	Instance InstanceName
	InstancePlanFetch
}

// PlannedNode is what a deployment does with one node.
type PlannedNode struct {
	Instance InstanceName
	Node     NodeName
	Role     ClusterRole
	Action   NodeAction
	// Because has a reason for each thing that has changed, such as "script
	// local.zeek was added". For a start it may be empty.
	Because []string
	// Stopped says that a user has stopped the node: it stays stopped.
	Stopped bool
}

// PlannedBundle is what becomes of a bundle on an instance.
type PlannedBundle struct {
	Instance InstanceName
	Name     string
	Kind     BundleKind
	// Hash is the content that nodes get. It is empty if no node of the instance uses the
	// bundle any more. Was is the content that is deployed now. It is empty if the bundle
	// is new on the instance.
	Hash, Was BundleHash
	// Missing says that the instance does not have the content, although it has tried to
	// fetch it.
	Missing bool
}

// PlanFinding is a text about an instance or a node.
type PlanFinding struct {
	Instance InstanceName
	Node     NodeName // may be empty
	Text     string
	Outputs  NodeOutputs
	// Absent says that the instance is not connected. Meant is a connected instance that the
	// user may have meant, or empty.
	Absent bool
	Meant  InstanceName
}

// Changes reports whether the deployment would change anything.
func (p FleetPlan) Changes() bool {
	for _, n := range p.Nodes {
		if n.Action != ActionNone {
			return true
		}
	}
	for _, b := range p.Bundles {
		if b.Hash != b.Was {
			return true
		}
	}
	return false
}
