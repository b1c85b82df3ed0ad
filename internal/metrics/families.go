package metrics

// The families of a controller.
var (
	buildInfo = Family{"zeekfleet_build_info", Gauge, "", []string{"version", "goversion"}, "1. What this controller was built from."}

	nodes             = Family{"zeekfleet_nodes", Gauge, "", []string{"instance", "role", "state"}, "Nodes of an instance with this role in this state."}
	nodeUp            = Family{"zeekfleet_node_up", Gauge, "", []string{"instance", "node", "role"}, "Whether the node is RUNNING."}
	nodesStopped      = Family{"zeekfleet_nodes_stopped", Gauge, "", nil, "Nodes that users have stopped."}
	nodesPaused       = Family{"zeekfleet_nodes_paused", Gauge, "", nil, "Nodes that are not restarted by themselves."}
	instanceConnected = Family{"zeekfleet_instance_connected", Gauge, "", []string{"instance"}, "Whether the agent of the instance is connected."}
	instanceStanding  = Family{"zeekfleet_instance_standing", Gauge, "", []string{"instance", "standing"}, "1 for the standing that the instance has."}
	deployedRevision  = Family{"zeekfleet_deployed_revision", Gauge, "", nil, "The number of the revision that is deployed."}
	operationsRunning = Family{"zeekfleet_operations_running", Gauge, "", nil, "Operations that have not ended."}

	nodeRestarts      = Family{"zeekfleet_node_restarts_total", Counter, "", []string{"instance", "node"}, "How often the agent has started the node again."}
	nodeStart         = Family{"zeekfleet_node_start_time_seconds", Gauge, "seconds", []string{"instance", "node"}, "When the node's process started, in Unix time."}
	nodeCPU           = Family{"zeekfleet_node_cpus_used", Gauge, "", []string{"instance", "node"}, "Processors that the node used between the last two samples."}
	nodeMemory        = Family{"zeekfleet_node_resident_memory_bytes", Gauge, "bytes", []string{"instance", "node"}, "Resident memory of the node."}
	nodeThreads       = Family{"zeekfleet_node_threads", Gauge, "", []string{"instance", "node"}, "Threads of the node."}
	nodeFiles         = Family{"zeekfleet_node_open_files", Gauge, "", []string{"instance", "node"}, "Open files of the node."}
	nodePackets       = Family{"zeekfleet_node_packets_received_total", Counter, "", []string{"instance", "node"}, "Packets that the node has analysed since it started."}
	nodeDropped       = Family{"zeekfleet_node_packets_dropped_total", Counter, "", []string{"instance", "node"}, "Packets that were lost before the node could analyse them, since it started."}
	nodeLink          = Family{"zeekfleet_node_packets_on_link_total", Counter, "", []string{"instance", "node"}, "Packets that the node has seen on its interface since it started, as far as its packet source counts them."}
	nodeBytes         = Family{"zeekfleet_node_received_bytes_total", Counter, "bytes", []string{"instance", "node"}, "Bytes of the packets that the node has analysed since it started."}
	nodeEvents        = Family{"zeekfleet_node_events_dispatched_total", Counter, "", []string{"instance", "node"}, "Events that the node has handled since it started."}
	nodeEventsWaiting = Family{"zeekfleet_node_events_waiting", Gauge, "", []string{"instance", "node"}, "Events that are queued in the node."}
	nodeLag           = Family{"zeekfleet_node_lag_seconds", Gauge, "seconds", []string{"instance", "node"}, "How far the time of the node's last packet is behind the clock."}

	interfaceUp       = Family{"zeekfleet_interface_up", Gauge, "", []string{"instance", "interface"}, "Whether the interface is switched on and has a link."}
	interfaceCaptures = Family{"zeekfleet_interface_captures", Gauge, "", []string{"instance", "interface"}, "Whether nodes capture on the interface."}
	interfaceSpeed    = Family{"zeekfleet_interface_speed_bytes", Gauge, "bytes", []string{"instance", "interface"}, "Bytes that the link can carry in a second."}
	interfacePackets  = Family{"zeekfleet_interface_packets_received_total", Counter, "", []string{"instance", "interface"}, "Packets that the interface has received."}
	interfaceBytes    = Family{"zeekfleet_interface_received_bytes_total", Counter, "bytes", []string{"instance", "interface"}, "Bytes that the interface has received."}
	interfaceErrors   = Family{"zeekfleet_interface_errors_total", Counter, "", []string{"instance", "interface"}, "Packets that the interface has received with errors."}
	interfaceDropped  = Family{"zeekfleet_interface_packets_dropped_total", Counter, "", []string{"instance", "interface"}, "Packets that the kernel or the card had to drop."}

	diskSize            = Family{"zeekfleet_disk_size_bytes", Gauge, "bytes", []string{"instance", "use"}, "Size of the file system that is used for this."}
	diskFree            = Family{"zeekfleet_disk_free_bytes", Gauge, "bytes", []string{"instance", "use"}, "Free space of that file system."}
	hostCPUs            = Family{"zeekfleet_host_cpus", Gauge, "", []string{"instance"}, "Processors of the host."}
	hostBusy            = Family{"zeekfleet_host_cpus_busy", Gauge, "", []string{"instance"}, "Processors of the host that were at work between the last two samples."}
	hostLoad1           = Family{"zeekfleet_host_load1", Gauge, "", []string{"instance"}, "Load average of one minute."}
	hostMemory          = Family{"zeekfleet_host_memory_size_bytes", Gauge, "bytes", []string{"instance"}, "Memory of the host."}
	hostMemoryAvailable = Family{"zeekfleet_host_memory_available_bytes", Gauge, "bytes", []string{"instance"}, "Memory that programs can still get."}
	sampleTime          = Family{"zeekfleet_sample_timestamp_seconds", Gauge, "seconds", []string{"instance"}, "When the newest sample of the host was taken, by its clock."}
	clockSkew           = Family{"zeekfleet_clock_skew_seconds", Gauge, "seconds", []string{"instance"}, "How far the host's clock is before the controller's."}

	peers             = Family{"zeekfleet_peers", Gauge, "", []string{"kind"}, "Connections of the controller: of agents (broker) and of clients (websocket)."}
	peersQueued       = Family{"zeekfleet_peers_queued_messages", Gauge, "", []string{"kind"}, "Messages that wait for all peers of this kind."}
	peersQueuedMost   = Family{"zeekfleet_peers_queued_messages_most", Gauge, "", []string{"kind"}, "Messages that wait for the peer of this kind for which most wait."}
	certificateExpiry = Family{"zeekfleet_certificate_expiry_timestamp_seconds", Gauge, "seconds", []string{"identity"}, "When the certificate of this identity ends, in Unix time."}
	alerts            = Family{"zeekfleet_alerts", Gauge, "", []string{"rule", "state", "severity"}, "Alerts of this rule in this state."}
	controllerLeads   = Family{"zeekfleet_controller_leads", Gauge, "", nil, "Whether this controller leads. One that has no others leads."}
	controllerTerm    = Family{"zeekfleet_controller_term", Gauge, "", nil, "How often the controller that leads has changed, with that; 0 without several controllers."}
	memberUp          = Family{"zeekfleet_controller_member_up", Gauge, "", []string{"controller"}, "Whether the controller of the cluster is heard."}
	storeLag          = Family{"zeekfleet_controller_store_lag", Gauge, "", []string{"controller"}, "Entries that the store of the controller is behind."}
	storeBytes        = Family{"zeekfleet_controller_store_bytes", Gauge, "bytes", []string{"controller"}, "Size of the database of the controller's store."}
	storeQuota        = Family{"zeekfleet_controller_store_quota_bytes", Gauge, "bytes", []string{"controller"}, "Bound of the database of the controller's store."}
	storeAlarms       = Family{"zeekfleet_controller_store_alarms", Gauge, "", []string{"controller"}, "Complaints of the controller's store."}
	seriesLeftOut     = Family{"zeekfleet_series_left_out", Gauge, "", nil, "Series that this scrape left out because there are too many."}
)

// ControllerFamilies are those of a controller, beside those of Go and of processes.
func ControllerFamilies() []*Family {
	return []*Family{
		&buildInfo, &nodes, &nodeUp, &nodesStopped, &nodesPaused, &instanceConnected, &instanceStanding, &deployedRevision,
		&operationsRunning, &operations, &requests, &httpRequests, &happened, &crashes,
		&nodeRestarts, &nodeStart, &nodeCPU, &nodeMemory, &nodeThreads, &nodeFiles, &nodePackets, &nodeDropped, &nodeLink,
		&nodeBytes, &nodeEvents, &nodeEventsWaiting, &nodeLag,
		&interfaceUp, &interfaceCaptures, &interfaceSpeed, &interfacePackets, &interfaceBytes, &interfaceErrors, &interfaceDropped,
		&diskSize, &diskFree, &hostCPUs, &hostBusy, &hostLoad1, &hostMemory, &hostMemoryAvailable, &sampleTime, &clockSkew,
		&peers, &peersQueued, &peersQueuedMost, &certificateExpiry, &alerts,
		&controllerLeads, &controllerTerm, &memberUp, &storeLag, &storeBytes, &storeQuota, &storeAlarms, &seriesLeftOut,
	}
}

// The families that count.
var (
	operations   = Family{"zeekfleet_operation_duration_seconds", Histogram, "seconds", []string{"kind", "outcome"}, "How long operations took that have ended since the controller started."}
	requests     = Family{"zeekfleet_request_duration_seconds", Histogram, "seconds", []string{"request", "outcome"}, "How long the controller took to answer requests of the Management API, also those that it makes for the HTTP API."}
	httpRequests = Family{"zeekfleet_http_request_duration_seconds", Histogram, "seconds", []string{"operation", "code"}, "How long the controller took to answer requests of the HTTP API, by operation and class of the status."}
	happened     = Family{"zeekfleet_events_total", Counter, "", []string{"kind"}, "Events that the controller has seen since it started."}
	crashes      = Family{"zeekfleet_node_crashes_total", Counter, "", []string{"instance", "node"}, "How often the controller has seen the node crash since the controller started."}
)
