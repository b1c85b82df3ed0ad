##! The options that the agent gives this node: those that it has from its start, and the
##! dispatch set_options, which changes them. For Zeek 5.0 and later.

@load ./zeekfleet-option

module Fleet::Node;

export {
	## The options from the start, and the texts of their values. A generated script sets
	## it. A wrong value does not keep Zeek from starting.
	const start_options: table[string] of string = {} &redef;

	## Gives this node these options, and no others. It changes all or none. The arguments
	## are name, value, name, value, and so on.
	global set_options: function(args: vector of string, res: Management::Result);

	## Ends a check of the scripts if an option from the start cannot be set.
	global check_start_options: function(): bool;
}

type OptionValue: record {
	val: any;
};

## What was set: the text of the value, and the value after Zeek had set it, as JSON.
type OptionText: record {
	text: string;
	json: string;
};

# The options that this node was told and has, and the values that they had before.
global told: table[string] of OptionText;
global first_values: table[string] of OptionValue;

# Options whose values are set when Zeek runs, because an error before ends Zeek.
const late_kinds = /^(set\[|vector of )?pattern/;

function note_told(name: string, text: string)
	{
	told[name] = OptionText($text=text, $json=to_json(lookup_ID(name)));
	}

function has_already(name: string, text: string): bool
	{
	return name in told && told[name]$text == text && told[name]$json == to_json(lookup_ID(name));
	}

## Sets these values. If Zeek refuses one, no option keeps its new value.
function put_options(values: table[string] of OptionValue, res: Management::Result)
	{
	local before: table[string] of OptionValue;
	for ( name in values )
		{
		before[name] = OptionValue($val=copy(lookup_ID(name)));
		if ( name !in first_values )
			first_values[name] = before[name];

		if ( put_option(name, values[name]$val) )
			next;

		fail(res, fmt("%s was not set: Zeek refused the value", name));
		for ( done in before )
			put_option(done, before[done]$val);

		return;
		}
	}

function set_options(args: vector of string, res: Management::Result)
	{
	if ( |args| % 2 != 0 )
		{
		fail(res, "set_options expects names and values of options");
		return;
		}

	local wanted: table[string] of string;
	local values: table[string] of OptionValue;
	local wrong: vector of string = vector();
	for ( i in args )
		{
		if ( i % 2 != 0 )
			next;

		local name = args[i];
		local text = args[i + 1];
		wanted[name] = text;
		if ( has_already(name, text) )
			next;

		local one = Management::Result($reqid=res$reqid);
		local value = option_value(name, text, one);
		if ( one$success )
			values[name] = OptionValue($val=value);
		else
			wrong += one$error;
		}

	if ( |wrong| > 0 )
		{
		fail(res, join_string_vec(wrong, "; "));
		return;
		}

	for ( other in told )
		if ( other !in wanted )
			values[other] = first_values[other];

	put_options(values, res);
	if ( ! res$success )
		return;

	told = table();
	for ( id, now in wanted )
		note_told(id, now);
	}

## Sets an option from the start. If it cannot be set, a warning says why.
function start_option(name: string)
	{
	local res = Management::Result($reqid="");
	local value = option_value(name, start_options[name], res);
	if ( res$success )
		put_options(table([name] = OptionValue($val=value)), res);

	if ( res$success )
		note_told(name, start_options[name]);
	else
		Reporter::warning(fmt("zeekfleet: an option was not set: %s", res$error));
	}

function is_late(name: string): bool
	{
	return is_option(name) && late_kinds in type_name(lookup_ID(name));
	}

function check_start_options(): bool
	{
@ifndef ( global_options )
	# While this Zeek reads scripts, it does not say which options there are.
	return T;
@endif

	local wrong: vector of string = vector();
	for ( name, text in start_options )
		{
		local res = Management::Result($reqid="");
		option_value(name, text, res);
		if ( ! res$success )
			wrong += res$error;
		}

	if ( |wrong| > 0 )
		{
		sort(wrong, strcmp);
		Reporter::fatal(fmt("zeekfleet: an option cannot be set: %s", join_string_vec(wrong, "; ")));
		}

	return T;
	}

global set_late_options: event();

# Zeek's own scripts have handled zeek_init before, and other scripts have not.
event zeek_init() &priority=9
	{
	if ( |start_options| == 0 )
		return;

	for ( name in start_options )
		if ( ! is_late(name) )
			start_option(name);

	schedule 0 secs { Fleet::Node::set_late_options() };
	}

event Fleet::Node::set_late_options()
	{
	# Scripts that wait for changes of an option since the start did not wait yet when
	# it was set.
	for ( name in told )
		Option::set(name, copy(lookup_ID(name)), "<skip-config-log>");

	for ( late in start_options )
		if ( is_late(late) )
			start_option(late);
	}
