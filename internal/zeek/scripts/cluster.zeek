##! Changes of the cluster while the node runs. For Zeek 5.0 and later.
##!
##! This script does at run time what Zeek's own scripts do once at the start: it changes
##! Cluster::nodes and the pools, and with Broker it connects with new nodes. Zeek has
##! no function for that. So this script is part of Zeek's module Cluster.

module Cluster;

export {
	## The layout as the agent told it last. It is empty before the first time.
	global zeekfleet_layout: table[string] of Cluster::Node;

	## Makes zeekfleet_layout the layout of the cluster. An entry of a node that is
	## connected is replaced or removed when the node is no longer connected.
	global zeekfleet_apply: function();
}

const zeekfleet_early_max = 1000;

# The nodes that said hello and are not in the layout yet, with their IDs: another
# agent may have started them before this node was told. They say hello once.
global zeekfleet_early: table[string] of string &create_expire=10 mins;

# The nodes from which this node has parted. Their entries go with their node_down.
global zeekfleet_parted: set[string];

# Whether this node connects with nodes of this type (Zeek's setup of connections).
function zeekfleet_dials(name: string, n: Node): bool
	{
@ifdef ( Cluster::backend )
	# By its text, because a Zeek without Broker does not have the name.
	if ( cat(Cluster::backend) != "Cluster::CLUSTER_BACKEND_BROKER" )
		return F;
@endif

	local self = nodes[node];
	if ( name == node || self$node_type == LOGGER || n$p == 0/unknown )
		return F;

	if ( n$node_type == LOGGER )
		return T;

	if ( n$node_type == PROXY )
		return self$node_type == WORKER;

	return n$node_type == MANAGER && self?$manager && self$manager == name;
	}

# Connects with a node over Broker, if this Zeek has Broker.
function zeekfleet_peer(n: Node)
	{
@ifdef ( Broker::peer )
	Broker::peer(cat(n$ip), n$p, Cluster::retry_interval);
@endif
	}

function zeekfleet_unpeer(n: Node)
	{
@ifdef ( Broker::unpeer )
	Broker::unpeer(cat(n$ip), n$p);
@endif
	}

function zeekfleet_join(name: string, n: Node)
	{
	nodes[name] = n;

	# A pool that takes all nodes of a type takes this one. Pools with a number of
	# nodes of their own were filled at the start.
	for ( i in registered_pools )
		{
		local pool = registered_pools[i];
		if ( pool$spec$node_type != n$node_type || pool$spec$exclusive )
			next;

		if ( pool$spec?$max_nodes && |pool$node_list| >= pool$spec$max_nodes )
			next;

		init_pool_node(pool, name);
		}

	Cluster::log(fmt("node %s joins the cluster", name));

	if ( zeekfleet_dials(name, n) )
		{
@ifdef ( Cluster::connect_node_hook )
		if ( hook connect_node_hook(NamedNode($name=name, $node=n)) )
			zeekfleet_peer(n);
@else
		zeekfleet_peer(n);
@endif
		}

	if ( name in zeekfleet_early )
		{
		event Cluster::hello(name, zeekfleet_early[name]);
		delete zeekfleet_early[name];
		}
	}

function zeekfleet_leave(name: string)
	{
	local n = nodes[name];
	if ( name in zeekfleet_parted )
		delete zeekfleet_parted[name];
	else if ( zeekfleet_dials(name, n) )
		zeekfleet_unpeer(n);

	for ( i in registered_pools )
		{
		local pool = registered_pools[i];
		if ( name !in pool$nodes )
			next;

		mark_pool_node_dead(pool, name);
		delete pool$nodes[name];
		local others: vector of PoolNode = vector();
		for ( j in pool$node_list )
			{
			if ( pool$node_list[j]$name != name )
				others += pool$node_list[j];
			}

		pool$node_list = others;
		pool$rr_key_seq = RoundRobinTable();
		}

	delete nodes[name];
	Cluster::log(fmt("node %s leaves the cluster", name));
	}

# Disconnects from a connected node. With the other nodes, its end disconnects it.
# Broker cannot stop trying to connect with a node: so this must come before its end.
function zeekfleet_part(name: string, n: Node)
	{
	if ( name in zeekfleet_parted || ! zeekfleet_dials(name, n) )
		return;

	add zeekfleet_parted[name];
	zeekfleet_unpeer(n);

	# Zeek raises it only if the other node ends the connection.
	event Cluster::node_down(name, n$id);
	}

function zeekfleet_same(a: Node, b: Node): bool
	{
	return a$node_type == b$node_type && a$ip == b$ip && a$zone_id == b$zone_id && a$p == b$p &&
	       a?$manager == b?$manager && ( ! a?$manager || a$manager == b$manager );
	}

function zeekfleet_apply()
	{
	local gone: vector of string = vector();
	local missing: vector of string = vector();

	for ( name, n in nodes )
		{
		if ( name == node || ( name in zeekfleet_layout && zeekfleet_same(n, zeekfleet_layout[name]) ) )
			next;

		if ( n?$id )
			zeekfleet_part(name, n);
		else
			gone += name;
		}

	for ( i in gone )
		zeekfleet_leave(gone[i]);

	for ( new_name in zeekfleet_layout )
		{
		if ( new_name !in nodes )
			missing += new_name;
		}

	# All nodes have the same order in their pools.
	sort(missing, strcmp);
	for ( k in missing )
		zeekfleet_join(missing[k], copy(zeekfleet_layout[missing[k]]));
	}

event Cluster::hello(name: string, id: string) &priority=-10
	{
	if ( name !in nodes && |zeekfleet_early| < zeekfleet_early_max )
		zeekfleet_early[name] = id;
	}

event Cluster::node_down(name: string, id: string) &priority=-10
	{
	if ( |zeekfleet_layout| == 0 )
		return;

	# Up to Zeek 8.0, a handler of Broker does it, which does not run for zeekfleet_part.
	if ( name in nodes && nodes[name]?$id && nodes[name]$id == id )
		delete nodes[name]$id;

	zeekfleet_apply();
	}
