package mgmt

// The Node API, between an agent and its nodes (spec management-api 3.3).

// The actions that the agent itself knows.
const (
	// GetIDValue is the action that every node knows: it returns the value of a
	// global identifier (spec management-api 4.4).
	GetIDValue = "get_id_value"
	// GetStats is the action of our node script that tells the figures of a node, as the
	// JSON of a NodeStats.
	GetStats = "get_stats"
	// SetOption is the action of our node script that sets an option while the node
	// runs. Its arguments are the option's name and its value.
	SetOption = "set_option"
)

// NodeDispatchRequest asks the named nodes for an action, or all nodes if none is
// named. The other nodes do not answer.
type NodeDispatchRequest struct {
	ReqID  ReqID
	Action []string
	Nodes  []NodeName // a set
}

// NodeDispatchResponse carries the result of one node.
type NodeDispatchResponse struct {
	ReqID  ReqID
	Result Result
}

func (NodeDispatchRequest) isMessage()         {}
func (r NodeDispatchRequest) RequestID() ReqID { return r.ReqID }
func (NodeDispatchRequest) Answer(id ReqID, results ...Result) Response {
	return NodeDispatchResponse{ReqID: id, Result: results[0]}
}

func (NodeDispatchResponse) isMessage()           {}
func (r NodeDispatchResponse) RequestID() ReqID   { return r.ReqID }
func (r NodeDispatchResponse) Outcomes() []Result { return []Result{r.Result} }

// NotifyNodeHello announces a node to its agent.
type NotifyNodeHello struct{ Node NodeName }

func (NotifyNodeHello) isMessage() {}
