##! The dispatch set_option, and what it needs to know about options. For Zeek 5.0 and
##! later.

@load ./zeekfleet-api
@load ./zeekfleet-value

module Fleet::Node;

export {
	## Sets an option of this node. With the third argument "cluster" it sets the option
	## of all nodes, including nodes that join later.
	global set_option: function(args: vector of string, res: Management::Result);
}

# The names of all options. They are the same as long as Zeek runs.
global option_names: set[string];

function is_option(name: string): bool
	{
	if ( |option_names| == 0 )
		{
@ifdef ( global_options )
		option_names = global_options();
@else
		for ( id, facts in global_ids() )
			if ( facts$option_value )
				add option_names[id];
@endif
		}

	return name in option_names;
	}

## Returns the option whose name is most like this one, and "" if none is like it.
function nearest_option(name: string): string
	{
	local best = "";
	local least = 4;
	for ( o in option_names )
		{
		local distance = levenshtein_distance(name, o);
		if ( distance < least || ( distance == least && best != "" && strcmp(o, best) < 0 ) )
			{
			best = o;
			least = distance;
			}
		}

	return best;
	}

## Returns why there is no option of this name.
function why_no_option(name: string): string
	{
	local res = Management::Result($reqid="");
	local kind = type_name(lookup_global(name, res));
	if ( res?$error && res$error == "unknown id" )
		{
		local other = nearest_option(name);
		return fmt("unknown id %s%s", name, other == "" ? "" : fmt(" (did you mean %s?)", other));
		}

	if ( ! res$success || /^(function|event|hook)/ in kind )
		return fmt("%s is not an option", name);

	# While Zeek reads scripts, nobody can ask it whether this is a constant.
	if ( getenv("ZEEKCTL_CHECK_CONFIG") == "1" || ! global_ids()[name]$constant )
		return fmt("%s is not an option: put it into a bundle, it takes a restart", name);

	return fmt("%s is a constant: put it into a bundle, it takes a restart", name);
	}

## Returns the value that text describes for an option; fails if there is no such option,
## or if its value cannot be that.
function option_value(name: string, text: string, res: Management::Result): any
	{
	if ( ! is_option(name) )
		{
		fail(res, why_no_option(name));
		return text;
		}

	local value = value_of(type_name(lookup_ID(name)), text, res);
	if ( ! res$success )
		res$error = fmt("%s: %s", name, res$error);
	return value;
	}

# The name of the option that this node is setting now; "" if it is setting none.
global being_set = "";

## Sets an option of this node. Nobody can change val afterwards.
function put_option(name: string, val: any): bool
	{
	being_set = name;
	local done = Option::set(name, copy(val), "zeekfleet");
	being_set = "";
	return done;
	}

function set_option(args: vector of string, res: Management::Result)
	{
	if ( |args| < 2 || |args| > 3 || ( |args| == 3 && args[2] != "cluster" ) )
		{
		fail(res, "set_option expects name and value of an option, and cluster to set it on all nodes");
		return;
		}

	local value = option_value(args[0], args[1], res);
	if ( ! res$success )
		return;

	# Every node refuses a change of this option that does not come from its own
	# agent (keep_command).
	if ( |args| == 3 && args[0] == "Notice::sendmail" )
		{
		fail(res, "Notice::sendmail is not set on all nodes at once; set it on each");
		return;
		}

	local done = F;
	if ( |args| == 3 )
		{
		being_set = args[0];
		done = Config::set_value(args[0], value, "zeekfleet");
		being_set = "";
		}
	else
		done = put_option(args[0], value);

	if ( done )
		res$data = to_json(lookup_ID(args[0]));
	else
		fail(res, fmt("%s was not set: Zeek refused the value", args[0]));
	}
