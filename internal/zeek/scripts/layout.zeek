##! The dispatch cluster_layout: the agent gives the node the whole layout of the cluster
##! anew. For Zeek 5.0 and later.

@load ./zeekfleet-api
@load ./zeekfleet-cluster

module Fleet::Node;

const layout_roles: table[string] of Cluster::NodeType = {
	["MANAGER"] = Cluster::MANAGER,
	["LOGGER"] = Cluster::LOGGER,
	["PROXY"] = Cluster::PROXY,
	["WORKER"] = Cluster::WORKER,
};

## Takes one argument for each node of the cluster. An argument has seven words: the
## name, the role, the address, its zone, the port, the port of metrics, and the name of
## the manager. A dash stands for a word that the node does not have.
function cluster_layout(args: vector of string, res: Management::Result)
	{
	local layout: table[string] of Cluster::Node;

	for ( i in args )
		{
		local w = split_string(args[i], / /);
		if ( |w| != 7 || w[1] !in layout_roles || ! is_valid_ip(w[2]) )
			{
			fail(res, fmt("%s is not an entry of a layout", args[i]));
			return;
			}

		local n = Cluster::Node($node_type=layout_roles[w[1]], $ip=to_addr(w[2]));
		if ( w[4] != "-" )
			n$p = to_port(w[4]);
		if ( w[3] != "-" )
			n$zone_id = w[3];
@if ( Version::at_least("7.0.0") )
		if ( w[5] != "-" )
			n$metrics_port = to_port(w[5]);
@endif
		if ( w[6] != "-" )
			n$manager = w[6];

		layout[w[0]] = n;
		}

	if ( Cluster::node !in layout )
		{
		fail(res, fmt("the layout has no entry of node %s", Cluster::node));
		return;
		}

	Cluster::zeekfleet_layout = layout;
	Cluster::zeekfleet_apply();
	res$data = to_json(|layout|);
	}
