package mgmt

// NotifyNodeExit is the Supervisor API's only event (spec management-api 3.4):
// what a process printed before it was replaced.
type NotifyNodeExit struct {
	Node    NodeName
	Outputs NodeOutputs
}

// SupervisorControl, between an agent and Zeek's Supervisor (spec
// management-api 3.5).
type (
	// SupervisorStatusRequest asks for one node's status, or for all.
	SupervisorStatusRequest struct {
		ReqID ReqID
		Node  NodeName // empty: all
	}
	// SupervisorStatusResponse answers it.
	SupervisorStatusResponse struct {
		ReqID  ReqID
		Status SupervisorStatus
	}
	// SupervisorCreateRequest asks for a new process.
	SupervisorCreateRequest struct {
		ReqID ReqID
		Node  SupervisorNodeConfig
	}
	// SupervisorCreateResponse answers it; an empty Error is success.
	SupervisorCreateResponse struct {
		ReqID ReqID
		Error string
	}
	// SupervisorDestroyRequest asks for the end of one process, or of all.
	SupervisorDestroyRequest struct {
		ReqID ReqID
		Node  NodeName // empty: all
	}
	// SupervisorDestroyResponse answers it.
	SupervisorDestroyResponse struct {
		ReqID   ReqID
		Success bool
	}
	// SupervisorRestartRequest asks for a restart of one process, or of all.
	SupervisorRestartRequest struct {
		ReqID ReqID
		Node  NodeName // empty: all
	}
	// SupervisorRestartResponse answers it.
	SupervisorRestartResponse struct {
		ReqID   ReqID
		Success bool
	}
	// SupervisorStopRequest ends the Supervisor and all its processes.
	SupervisorStopRequest struct{}
	// SupervisorNodeStarted announces a process that was (re)started.
	SupervisorNodeStarted struct {
		Node NodeName
		PID  uint64
	}
)

func (NotifyNodeExit) isMessage()            {}
func (SupervisorStatusRequest) isMessage()   {}
func (SupervisorStatusResponse) isMessage()  {}
func (SupervisorCreateRequest) isMessage()   {}
func (SupervisorCreateResponse) isMessage()  {}
func (SupervisorDestroyRequest) isMessage()  {}
func (SupervisorDestroyResponse) isMessage() {}
func (SupervisorRestartRequest) isMessage()  {}
func (SupervisorRestartResponse) isMessage() {}
func (SupervisorStopRequest) isMessage()     {}
func (SupervisorNodeStarted) isMessage()     {}
