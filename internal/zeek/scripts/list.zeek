##! Sets and vectors of values whose types are known only at run time. For Zeek 5.0 and
##! later. Zeek makes a set only of a type that the script names.

@load ./zeekfleet-api

module Fleet::Node;

## Returns the set of these values of type kind.
function set_of(kind: string, values: vector of any, res: Management::Result): any
	{
	local bools: set[bool];
	local counts: set[count];
	local ints: set[int];
	local doubles: set[double];
	local intervals: set[interval];
	local times: set[time];
	local strings: set[string];
	local ports: set[port];
	local addrs: set[addr];
	local subnets: set[subnet];

	for ( i in values )
		switch ( kind )
			{
			case "bool": add bools[values[i] as bool]; break;
			case "count": add counts[values[i] as count]; break;
			case "int": add ints[values[i] as int]; break;
			case "double": add doubles[values[i] as double]; break;
			case "interval": add intervals[values[i] as interval]; break;
			case "time": add times[values[i] as time]; break;
			case "string": add strings[values[i] as string]; break;
			case "port": add ports[values[i] as port]; break;
			case "addr": add addrs[values[i] as addr]; break;
			case "subnet": add subnets[values[i] as subnet]; break;
			}

	switch ( kind )
		{
		case "bool": return bools;
		case "count": return counts;
		case "int": return ints;
		case "double": return doubles;
		case "interval": return intervals;
		case "time": return times;
		case "string": return strings;
		case "port": return ports;
		case "addr": return addrs;
		case "subnet": return subnets;
		}

@ifdef ( Notice::Type )
	if ( kind == "Notice::Type" )
		{
		local notices: set[Notice::Type];
		for ( n in values )
			add notices[values[n] as Notice::Type];
		return notices;
		}
@endif
@ifdef ( Analyzer::Tag )
	if ( kind == "Analyzer::Tag" )
		{
		local analyzers: set[Analyzer::Tag];
		for ( a in values )
			add analyzers[values[a] as Analyzer::Tag];
		return analyzers;
		}
@endif
@ifdef ( Log::ID )
	if ( kind == "Log::ID" )
		{
		local logs: set[Log::ID];
		for ( l in values )
			add logs[values[l] as Log::ID];
		return logs;
		}
@endif
@ifdef ( SMB::Action )
	if ( kind == "SMB::Action" )
		{
		local smb_actions: set[SMB::Action];
		for ( s in values )
			add smb_actions[values[s] as SMB::Action];
		return smb_actions;
		}
@endif

	fail(res, fmt("values of type set[%s] are not made of text; put the value into a script of a bundle", kind));
	return "";
	}

## Returns the vector of these values of type kind.
function vector_of(kind: string, values: vector of any, res: Management::Result): any
	{
	local bools: vector of bool;
	local counts: vector of count;
	local ints: vector of int;
	local doubles: vector of double;
	local intervals: vector of interval;
	local times: vector of time;
	local strings: vector of string;
	local ports: vector of port;
	local addrs: vector of addr;
	local subnets: vector of subnet;

	for ( i in values )
		switch ( kind )
			{
			case "bool": bools += values[i] as bool; break;
			case "count": counts += values[i] as count; break;
			case "int": ints += values[i] as int; break;
			case "double": doubles += values[i] as double; break;
			case "interval": intervals += values[i] as interval; break;
			case "time": times += values[i] as time; break;
			case "string": strings += values[i] as string; break;
			case "port": ports += values[i] as port; break;
			case "addr": addrs += values[i] as addr; break;
			case "subnet": subnets += values[i] as subnet; break;
			}

	switch ( kind )
		{
		case "bool": return bools;
		case "count": return counts;
		case "int": return ints;
		case "double": return doubles;
		case "interval": return intervals;
		case "time": return times;
		case "string": return strings;
		case "port": return ports;
		case "addr": return addrs;
		case "subnet": return subnets;
		}

	fail(res, fmt("values of type vector of %s are not made of text; put the value into a script of a bundle", kind));
	return "";
	}
