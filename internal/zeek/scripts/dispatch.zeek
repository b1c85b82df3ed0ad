##! What a node of zeekfleet answers to its agent: get_id_value as Zeek's
##! Management framework has it, and dispatches of our own. For Zeek 5.0 and
##! later. How requests and answers travel is the matter of the script that
##! loads this one.

# The framework's own declarations are in place wherever Zeek ships them.
module Management;

@ifndef ( Management::Result )
export {
	type Result: record {
		reqid: string;
		success: bool &default=T;
		instance: string &optional;
		data: any &optional;
		error: string &optional;
		node: string &optional;
	};
}
@endif

module Management::Node::API;

@ifndef ( Management::Node::API::node_dispatch_request )
export {
	global node_dispatch_request: event(reqid: string, action: vector of string, nodes: set[string]);
	global node_dispatch_response: event(reqid: string, result: Management::Result);
	global notify_node_hello: event(node: string);
}
@endif

module Fleet::Node::API;

export {
	## Tells the agent which dispatches the node has. Sent after the hello.
	global notify_dispatches: event(node: string, dispatches: vector of string);
}

module Fleet::Node;

export {
	## A dispatch. It gets the arguments behind its name and completes the
	## result: with data, which is JSON text, or with an error.
	type Dispatch: function(args: vector of string, res: Management::Result);

	## What get_stats tells. Times are in seconds, sizes in bytes.
	type Stats: record {
		packets_received: count;
		packets_dropped: count;
		packets_on_link: count;
		bytes_received: count;
		memory: count;
		events_queued: count;
		events_dispatched: count;
		uptime: double;
		## How far packets are behind the clock; only where there is traffic.
		lag: double &optional;
	};
}

global loaded_scripts: vector of string;

function fail(res: Management::Result, error: string)
	{
	res$success = F;
	res$error = error;
	}

function get_id_value(args: vector of string, res: Management::Result)
	{
	if ( |args| == 0 )
		{
		fail(res, "get_id_value expects name of global identifier");
		return;
		}

	local val = lookup_ID(args[0]);

	# The lookup reports what it does not find by these strings.
	if ( type_name(val) == "string" )
		{
		local text: string = val;
		if ( text == "<unknown id>" || text == "<no ID value>" )
			{
			fail(res, text[1:-1]);
			return;
			}
		}

	res$data = to_json(val);
	}

function get_stats(args: vector of string, res: Management::Result)
	{
	local net = get_net_stats();
	local proc = get_proc_stats();
	local events = get_event_stats();
	local stats = Stats($packets_received=net$pkts_recvd, $packets_dropped=net$pkts_dropped,
	                    $packets_on_link=net$pkts_link, $bytes_received=net$bytes_recvd,
	                    $memory=proc$mem, $events_queued=events$queued,
	                    $events_dispatched=events$dispatched,
	                    $uptime=interval_to_double(proc$real_time));

	if ( reading_live_traffic() && net$pkts_recvd > 0 )
		stats$lag = interval_to_double(current_time() - network_time());

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

function rotate_logs(args: vector of string, res: Management::Result)
	{
	# Writers rotate by their own timers and when Zeek ends. There is a function
	# for files that scripts have opened, and none for logs.
	fail(res, fmt("rotate_logs is not possible: Zeek %s has no function that rotates logs", zeek_version()));
	}

@load ./zeekfleet-option

## All dispatches of this node. A site can add its own.
global dispatches: table[string] of Dispatch = {
	["get_id_value"] = get_id_value,
	["get_stats"] = get_stats,
	["get_version"] = get_version,
	["get_loaded_scripts"] = get_loaded_scripts,
	["set_option"] = set_option,
	["rotate_logs"] = rotate_logs,
} &redef;

## The names of the dispatches, sorted.
function dispatch_names(): vector of string
	{
	local names: vector of string;
	for ( name in dispatches )
		names += name;
	return sort(names, strcmp);
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
