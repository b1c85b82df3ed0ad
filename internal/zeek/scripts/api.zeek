##! The events between a node and its agent, and the type of a dispatch. For Zeek
##! 5.0 and later. If Zeek ships the Management framework, the options script has
##! loaded the framework's declarations. Otherwise this script declares the same.

module Management;

@ifndef ( Management::Result )
export {
	## The outcome of a request.
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
	## Tells the agent which dispatches the node has. The node sends it after
	## notify_node_hello.
	global notify_dispatches: event(node: string, dispatches: vector of string);

	## Asks the node to run a dispatch. The number is greater than the number of any
	## earlier request. The proof covers node, number, reqid, and each element of
	## action.
	global dispatch_request: event(node: string, number: count, reqid: string, action: vector of string, proof: string);

	## Answers dispatch_request. The proof covers node, reqid, success as T or F, and
	## text.
	global dispatch_response: event(node: string, reqid: string, success: bool, text: string, proof: string);

	## Tells the agent the number of the last request. The node sends it before
	## notify_node_hello, because a restarted agent does not know the number.
	global notify_number: event(node: string, number: count, proof: string);
}

module Fleet::Node;

export {
	## A dispatch. It gets the arguments after its name. It sets res$data, which is
	## JSON text, or calls fail.
	type Dispatch: function(args: vector of string, res: Management::Result);
}

## Turns the result into a failure.
function fail(res: Management::Result, error: string)
	{
	res$success = F;
	res$error = error;
	}

## Returns the value of a global identifier; fails if there is none. It keeps the
## secret from everybody.
function lookup_global(name: string, res: Management::Result): any
	{
	if ( /Fleet::Node::secret/ in name )
		{
		fail(res, "unknown id");
		return "";
		}

	local val = lookup_ID(name);

	# lookup_ID returns one of these texts if it finds no value.
	if ( type_name(val) == "string" )
		{
		local text: string = val;
		if ( text == "<unknown id>" || text == "<no ID value>" )
			fail(res, text[1:-1]);
		}

	return val;
	}
