##! What node and agent say to each other, and what a dispatch is. For Zeek 5.0
##! and later. Where Zeek ships the Management framework, the options script has
##! loaded the framework's own declarations; elsewhere they are these.

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
	## Tells the agent which dispatches the node has; sent after the hello.
	global notify_dispatches: event(node: string, dispatches: vector of string);

	## Asks for a dispatch. The number is greater than that of any request before.
	## The proof is of node, number, reqid, and each element of action.
	global dispatch_request: event(node: string, number: count, reqid: string, action: vector of string, proof: string);

	## Answers it. The proof is of node, reqid, success as T or F, and text.
	global dispatch_response: event(node: string, reqid: string, success: bool, text: string, proof: string);

	## Tells the agent the number of the last request; sent before the hello, for
	## the agent can be one that has forgotten it.
	global notify_number: event(node: string, number: count, proof: string);
}

module Fleet::Node;

export {
	## A dispatch. It gets the arguments behind its name and completes the
	## result: with data, which is JSON text, or with an error.
	type Dispatch: function(args: vector of string, res: Management::Result);
}

## Makes a result one of failure.
function fail(res: Management::Result, error: string)
	{
	res$success = F;
	res$error = error;
	}

## Returns the value of a global identifier; fails if there is none. That of the
## secret is nobody's to know.
function lookup_global(name: string, res: Management::Result): any
	{
	if ( /Fleet::Node::secret/ in name )
		{
		fail(res, "unknown id");
		return "";
		}

	local val = lookup_ID(name);

	# This is how the function reports what it does not find.
	if ( type_name(val) == "string" )
		{
		local text: string = val;
		if ( text == "<unknown id>" || text == "<no ID value>" )
			fail(res, text[1:-1]);
		}

	return val;
	}
