##! Node script for Broker: the node peers with its agent. For Zeek 5.0 and later
##! with Broker built in.
##!
##! The options script sets agent_address and agent_port.

@load ./zeekfleet-proof

module Fleet::Node;

const topic = "zeek/management/node";

event Fleet::Node::API::dispatch_request(node: string, number: count, reqid: string, action: vector of string, proof: string)
	{
	if ( node != Cluster::node )
		return;

	local a = answer(number, reqid, action, proof);
	if ( a$proof != "" )
		Broker::publish(topic, Fleet::Node::API::dispatch_response, Cluster::node, reqid, a$success, a$text, a$proof);
	}

event Broker::peer_added(endpoint: Broker::EndpointInfo, msg: string)
	{
	# A peering that this node began has the address and port that the node dialled.
	# Only the peering with the agent has these.
	if ( ! endpoint?$network || endpoint$network$address != agent_address ||
	     endpoint$network$bound_port != agent_port )
		return;

	Broker::publish(topic, Fleet::Node::API::notify_number, Cluster::node, last_number, number_proof());
	Broker::publish(topic, Management::Node::API::notify_node_hello, Cluster::node);
	Broker::publish(topic, Fleet::Node::API::notify_dispatches, Cluster::node, dispatch_names());
	}

event zeek_init()
	{
	Broker::subscribe(topic);
	Broker::peer(agent_address, agent_port, 1 sec);
	}
