##! Node script for WebSocket: the agent is a client of the node. For Zeek 8.0 and
##! later, with either cluster backend.
##!
##! The options script sets websocket_port. It sets websocket_tls if the node serves
##! with TLS.

@load ./zeekfleet-proof

module Fleet::Node;

# A client is on the bus of the whole cluster. So the node has a topic of its own,
# which is not a prefix of another node's topic.
const topic = fmt("zeek/management/node/%s/", Cluster::node);

event Fleet::Node::API::dispatch_request(node: string, number: count, reqid: string, action: vector of string, proof: string)
	{
	if ( node != Cluster::node )
		return;

	local a = answer(number, reqid, action, proof);
	if ( a$proof != "" )
		Cluster::publish(topic, Fleet::Node::API::dispatch_response, Cluster::node, reqid, a$success, a$text, a$proof);
	}

event Cluster::websocket_client_added(endpoint: Cluster::EndpointInfo, subscriptions: string_vec)
	{
	local listens = F;
	for ( i in subscriptions )
		listens = listens || subscriptions[i] == topic;

	if ( ! listens )
		return;

	Cluster::publish(topic, Fleet::Node::API::notify_number, Cluster::node, last_number, number_proof());
	Cluster::publish(topic, Management::Node::API::notify_node_hello, Cluster::node);
	Cluster::publish(topic, Fleet::Node::API::notify_dispatches, Cluster::node, dispatch_names());
	}

# This runs after the backend's own handlers, which connect the node.
event zeek_init() &priority=-10
	{
	Cluster::subscribe(topic);

	local options = Cluster::WebSocketServerOptions($listen_addr=127.0.0.1, $listen_port=websocket_port);
@ifdef ( Fleet::Node::websocket_tls )
	options$tls_options = websocket_tls;
@endif
	if ( ! Cluster::listen_websocket(options) )
		Reporter::error(fmt("zeekfleet: cannot listen on 127.0.0.1:%s for the agent", websocket_port));
	}
