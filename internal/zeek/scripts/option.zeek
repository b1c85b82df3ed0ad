##! The dispatch set_option. For Zeek 5.0 and later.

@load ./zeekfleet-api

module Fleet::Node;

## The accepted text of a value, by type.
const value_forms: table[string] of pattern = {
	["bool"] = /T|F/,
	["count"] = /[0-9]{1,19}/,
	["int"] = /-?[0-9]{1,18}/,
	["double"] = /-?[0-9]{1,15}(\.[0-9]{1,15})?/,
	["interval"] = /-?[0-9]{1,15}(\.[0-9]{1,15})?/,
	["port"] = /[0-9]{1,5}\/(tcp|udp|icmp|unknown)/,
	["subnet"] = /[0-9a-fA-F:.]+\/[0-9]{1,3}/,
};

function is_value(kind: string, text: string): bool
	{
	if ( kind in value_forms && value_forms[kind] != text )
		return F;

	if ( kind == "addr" )
		return is_valid_ip(text);

	if ( kind != "subnet" && kind != "port" )
		return T;

	# Zeek reads a number that is out of range as zero.
	local halves = split_string1(text, /\//);
	if ( kind == "port" )
		return to_count(halves[0]) <= 65535;

	return is_valid_ip(halves[0]) && to_count(halves[1]) <= ( /:/ in halves[0] ? 128 : 32 );
	}

## Returns the elements of a list that commas separate; fails if an element is not
## of type kind.
function elements(kind: string, text: string, res: Management::Result): vector of string
	{
	local found: vector of string;
	local parts = split_string(text, /,/);

	for ( i in parts )
		{
		local part = strip(parts[i]);
		if ( part == "" )
			next;

		found += part;
		if ( ! is_value(kind, part) )
			fail(res, fmt("%s is not of type %s", part, kind));
		}

	return found;
	}

## Returns the set of the elements of a list that commas separate.
function set_value(kind: string, text: string, res: Management::Result): any
	{
	local parts = elements(kind, text, res);
	local strings: set[string];
	local addrs: set[addr];
	local subnets: set[subnet];
	local ports: set[port];

	if ( ! res$success )
		return strings;

	for ( i in parts )
		{
		if ( kind == "addr" )
			add addrs[to_addr(parts[i])];
		else if ( kind == "subnet" )
			add subnets[to_subnet(parts[i])];
		else if ( kind == "port" )
			add ports[to_port(parts[i])];
		else
			add strings[parts[i]];
		}

	if ( kind == "addr" )
		return addrs;
	if ( kind == "subnet" )
		return subnets;
	if ( kind == "port" )
		return ports;
	return strings;
	}

## Returns the value of type kind that text describes.
function value_of(kind: string, text: string, res: Management::Result): any
	{
	if ( ! is_value(kind, text) )
		{
		fail(res, fmt("%s is not of type %s", text, kind));
		return text;
		}

	switch ( kind )
		{
		case "string":
			return text;
		case "bool":
			return text == "T";
		case "count":
			return to_count(text);
		case "int":
			return to_int(text);
		case "double":
			return to_double(text);
		case "interval":
			return double_to_interval(to_double(text));
		case "port":
			return to_port(text);
		case "addr":
			return to_addr(text);
		case "subnet":
			return to_subnet(text);
		case "set[string]":
			return set_value("string", text, res);
		case "set[addr]":
			return set_value("addr", text, res);
		case "set[subnet]":
			return set_value("subnet", text, res);
		case "set[port]":
			return set_value("port", text, res);
		case "vector of string":
			return elements("string", text, res);
		}

	# Other types have no text form. Their values are taken by name, such as the
	# values of an enum.
	local named = lookup_ID(text);
	if ( type_name(named) != kind )
		fail(res, fmt("%s does not name a value of type %s", text, kind));
	return named;
	}

# The name of the option that set_option is setting now; "" if it is setting none.
global being_set = "";

## Sets an option of this node. With the third argument "cluster" it sets the option
## of all nodes, including nodes that join later.
function set_option(args: vector of string, res: Management::Result)
	{
	if ( |args| < 2 || |args| > 3 || ( |args| == 3 && args[2] != "cluster" ) )
		{
		fail(res, "set_option expects name and value of an option, and cluster to set it on all nodes");
		return;
		}

	local old = lookup_global(args[0], res);
	if ( ! res$success )
		return;

	local value = value_of(type_name(old), args[1], res);
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
	being_set = args[0];
	if ( |args| == 3 )
		done = Config::set_value(args[0], value, "zeekfleet");
	else
		done = Option::set(args[0], value, "zeekfleet");
	being_set = "";

	if ( done )
		res$data = to_json(lookup_ID(args[0]));
	else
		fail(res, fmt("%s was not set: it is not an option, or the value was refused", args[0]));
	}
