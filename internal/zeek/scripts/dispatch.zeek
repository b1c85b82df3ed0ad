##! The dispatches of a node: get_id_value as in Zeek's Management framework, and
##! our own. For Zeek 5.0 and later. This script runs a dispatch. The scripts that
##! load it receive requests and send answers.

@load ./zeekfleet-api
@load ./zeekfleet-layout
@load ./zeekfleet-runoption

module Fleet::Node;

export {
	## A connection with another node, or with a program.
	type Peer: record {
		## The name of a node; empty if it has none.
		peer: string &default="";
		address: string &default="";
		kind: string &default="broker";
		## Messages that wait for the peer, and how many may.
		queued: count &default=0;
		limit: count &default=0;
		## How often a message was lost because too many waited.
		dropped: count &default=0;
	};

	## The result of get_stats. Times are in seconds, sizes in bytes.
	type Stats: record {
		packets_received: count;
		packets_dropped: count;
		packets_on_link: count;
		bytes_received: count;
		memory: count;
		events_queued: count;
		events_dispatched: count;
		uptime: double;
		## How far the last packet's time is behind the clock; only for a node that
		## captures packets.
		lag: double &optional;
		## Only with Zeek 7.1 and later, and with Broker between nodes.
		peers: vector of Peer &optional;
	};
}

global loaded_scripts: vector of string;

function get_id_value(args: vector of string, res: Management::Result)
	{
	if ( |args| == 0 )
		{
		fail(res, "get_id_value expects name of global identifier");
		return;
		}

	local val = lookup_global(args[0], res);
	if ( res$success )
		res$data = to_json(val);
	}

## Adds the peers of this node, as far as Zeek knows them.
function add_peers(stats: Stats)
	{
@ifdef ( Broker::peering_stats )
	local names: table[string] of string;
	for ( name, node in Cluster::nodes )
		if ( node?$id )
			names[node$id] = name;

	stats$peers = vector();
	# A peer to which nothing was sent yet has no queue.
	local queues = Broker::peering_stats();
	local all = Broker::peers();
	for ( i in all )
		{
		local info = all[i]$peer;
		local one = Peer();
		if ( info$id in names )
			one$peer = names[info$id];
		if ( info?$network )
			one$address = fmt("%s:%d", info$network$address, port_to_count(info$network$bound_port));
		if ( info$id in queues )
			{
			one$queued = queues[info$id]$num_queued;
			one$limit = Broker::peer_buffer_size;
			one$dropped = queues[info$id]$num_overflows;
			}
		stats$peers += one;
		}
@endif
	}

function get_stats(args: vector of string, res: Management::Result)
	{
	local packets = get_net_stats();
	local process = get_proc_stats();
	local queue = get_event_stats();
	local stats = Stats($packets_received=packets$pkts_recvd,
	                    $packets_dropped=packets$pkts_dropped,
	                    $packets_on_link=packets$pkts_link,
	                    $bytes_received=packets$bytes_recvd,
	                    $memory=process$mem,
	                    $events_queued=queue$queued,
	                    $events_dispatched=queue$dispatched,
	                    $uptime=interval_to_double(process$real_time));

	# Before the first packet, network time may be 0.
	if ( reading_live_traffic() && time_to_double(network_time()) > 0.0 )
		stats$lag = interval_to_double(current_time() - network_time());

	add_peers(stats);
	res$data = to_json(stats);
	}

function get_version(args: vector of string, res: Management::Result)
	{
	res$data = to_json(zeek_version());
	}

function get_loaded_scripts(args: vector of string, res: Management::Result)
	{
	res$data = to_json(loaded_scripts);
	}

# Zeek rotates a log when the timer of its writer expires, and when Zeek ends. A
# script can rotate only files that scripts have opened.
function rotate_logs(args: vector of string, res: Management::Result)
	{
	fail(res, fmt("rotate_logs is impossible: Zeek %s has no function that rotates logs", zeek_version()));
	}

export {
	## All dispatches of this node. A site can add more.
	global dispatches: table[string] of Dispatch = {
		["get_id_value"] = get_id_value,
		["get_stats"] = get_stats,
		["get_version"] = get_version,
		["get_loaded_scripts"] = get_loaded_scripts,
		["set_option"] = set_option,
		["set_options"] = set_options,
		["cluster_layout"] = cluster_layout,
		["rotate_logs"] = rotate_logs,
	} &redef;
}

## The names of the dispatches, sorted.
function dispatch_names(): vector of string
	{
	local names: vector of string;
	for ( name in dispatches )
		names += name;

	sort(names, strcmp);
	return names;
	}

## Runs a dispatch and returns its result.
function run_dispatch(reqid: string, action: vector of string): Management::Result
	{
	local res = Management::Result($reqid=reqid, $node=Cluster::node);

	if ( |action| == 0 )
		fail(res, "no dispatch arguments provided");
	else if ( action[0] !in dispatches )
		fail(res, fmt("dispatch %s unknown", action[0]));
	else
		dispatches[action[0]](action[1:], res);

	return res;
	}

event zeek_script_loaded(path: string, level: count)
	{
	loaded_scripts += path;
	}
