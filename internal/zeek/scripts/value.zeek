##! The values of options, from text. For Zeek 5.0 and later. The forms are those of Zeek's
##! own files of options (Config::config_files).

@load ./zeekfleet-api
@load ./zeekfleet-list

module Fleet::Node;

## The accepted text of a value, by type.
const value_forms: table[string] of pattern = {
	["bool"] = /[TF01]/,
	["count"] = /[0-9]{1,19}/,
	["int"] = /-?[0-9]{1,18}/,
	["double"] = /-?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})([eE][-+]?[0-9]{1,2})?/,
	["interval"] = /-?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})([eE][-+]?[0-9]{1,2})?/,
	["time"] = /([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})([eE][-+]?[0-9]{1,2})?/,
	["port"] = /[0-9]{1,5}\/(tcp|udp|icmp|unknown)/,
	["subnet"] = /[0-9a-fA-F:.]+\/[0-9]{1,3}/,
	["pattern"] = /\/(.|\n)*\//,
};

## Tells whether Zeek can compile the pattern. If it cannot, Zeek does not say so: it prints
## an error, and the pattern that it returns cannot be used. This function reduces the text
## step by step. It refuses some rare patterns that Zeek takes.
function is_pattern(text: string): bool
	{
	# An escaped character becomes \x01, and whatever is one character becomes "a".
	local rest = gsub(text, /\\(.|\n)/, "\x01");
	rest = gsub(rest, /\[:(alnum|alpha|blank|cntrl|digit|graph|lower|print|punct|space|upper|xdigit):\]/, "a");

	local classes = find_all(rest, /\[[^\[\]]+\]/);
	for ( c in classes )
		{
		local ranges = find_all(c, /[^\[]-[^\]]/);
		for ( r in ranges )
			if ( /\x01/ !in r && strcmp(r[0], r[2]) > 0 )
				return F;
		}

	rest = gsub(rest, /\[(\^[^\[\]]+|[^\[\]\^][^\[\]]*)\]/, "a");
	rest = gsub(rest, /\"[^\"]+\"/, "a");

	local repetitions = find_all(rest, /\{[0-9]{1,3},[0-9]{1,3}\}/);
	for ( n in repetitions )
		{
		local bounds = split_string(n[1:-1], /,/);
		if ( to_count(bounds[0]) > to_count(bounds[1]) )
			return F;
		}

	rest = gsub(rest, /\{[0-9]{1,3}(,[0-9]{0,3})?\}/, "*");
	rest = gsub(rest, /\(\?i:/, "(");

	# Nothing comes before a repetition or after "or", or a bracket is alone.
	if ( /(^|[(|])[*+?]|\|(\||\)|$)/ in rest || /[\[\]{}\"\\]/ in rest )
		return F;

	while ( /\([^()]*\)/ in rest )
		rest = gsub(rest, /\([^()]*\)/, "a");

	return /[()]/ !in rest;
	}

function is_value(kind: string, text: string): bool
	{
	if ( kind in value_forms && value_forms[kind] != text )
		return F;

	if ( kind == "addr" )
		return is_valid_ip(text);

	if ( kind == "pattern" )
		return is_pattern(text[1:-1]);

	if ( kind != "subnet" && kind != "port" )
		return T;

	# Zeek reads a number that is out of range as zero.
	local halves = split_string1(text, /\//);
	if ( kind == "port" )
		return to_count(halves[0]) <= 65535;

	return is_valid_ip(halves[0]) && to_count(halves[1]) <= ( /:/ in halves[0] ? 128 : 32 );
	}

# to_port refuses the protocol unknown.
const protocols: table[string] of transport_proto = {
	["tcp"] = tcp,
	["udp"] = udp,
	["icmp"] = icmp,
	["unknown"] = unknown_transport,
};

function port_of(text: string): port
	{
	local halves = split_string1(text, /\//);
	return count_to_port(to_count(halves[0]), protocols[halves[1]]);
	}

## Returns the text of a string, in which \xHH stands for a byte.
function unescaped(text: string): string
	{
	local parts = split_string_all(text, /\\x[0-9a-fA-F][0-9a-fA-F]/);
	for ( i in parts )
		if ( i % 2 == 1 )
			parts[i] = hexstr_to_bytestring(parts[i][2:]);

	return join_string_vec(parts, "");
	}

## Returns the text in the one form that value_forms knows.
function plain(kind: string, text: string): string
	{
	if ( kind == "string" )
		return unescaped(text);

	local bare = strip(text);
	switch ( kind )
		{
		case "addr", "subnet":
			return sub(sub(bare, /^\[/, ""), /\]/, "");
		case "port":
			return /\// in bare ? to_lower(bare) : cat(bare, "/unknown");
		case "count", "int", "double", "interval", "time":
			return sub(bare, /^\+/, "");
		}

	return bare;
	}

## Returns the value of type kind that text describes; fails if there is none. Kind is no
## list.
function element_of(kind: string, text: string, res: Management::Result): any
	{
	local bare = plain(kind, text);
	if ( ! is_value(kind, bare) )
		{
		fail(res, fmt("%s is not of type %s", text, kind));
		return text;
		}

	switch ( kind )
		{
		case "string":
			return bare;
		case "bool":
			return bare == "T" || bare == "1";
		case "count":
			return to_count(bare);
		case "int":
			return to_int(bare);
		case "double":
			return to_double(bare);
		case "interval":
			return double_to_interval(to_double(bare));
		case "time":
			return double_to_time(to_double(bare));
		case "port":
			return port_of(bare);
		case "addr":
			return to_addr(bare);
		case "subnet":
			return to_subnet(bare);
		case "pattern":
			return string_to_pattern(bare[1:-1], F);
		}

	# Other types have no text form. Their values are taken by name, such as the
	# values of an enum.
	local named = lookup_ID(bare);
	if ( type_name(named) != kind )
		fail(res, fmt("%s does not name a value of type %s", text, kind));
	return named;
	}

## Returns the value of type kind that text describes; fails if there is none. Commas
## separate the elements of a set and of a vector.
function value_of(kind: string, text: string, res: Management::Result): any
	{
	local element = sub(sub(kind, /^(set\[|vector of )/, ""), /\]$/, "");
	if ( element == kind || /[,\[]/ in element )
		return element_of(kind, text, res);

	local values: vector of any = vector();
	local parts = split_string(text, /,/);
	for ( i in parts )
		{
		local part = strip(parts[i]);
		if ( part == "" )
			next;

		values[|values|] = element_of(element, part, res);
		if ( ! res$success )
			return text;
		}

	return /^set/ in kind ? set_of(element, values, res) : vector_of(element, values, res);
	}
