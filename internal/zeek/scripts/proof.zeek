##! Who may ask a node: whoever knows its secret, which is that of one launch of
##! one node and which its agent alone was told. For Zeek 5.0 and later.
##!
##! The options script sets secret.

@load ./zeekfleet-dispatch

module Fleet::Node;

export {
	## What a node answers, with its proof. Without a proof there is no answer.
	type Answer: record {
		success: bool &default=F;
		## The data of a success, which can be none, or the error.
		text: string &default="";
		proof: string &default="";
	};
}

# The number of the last request that was accepted. Each is used once, so that a
# request that somebody has overheard is worth nothing.
global last_number: count = 0;

# Requests without proof, and when they were last complained of.
global refusals: count = 0;
global complained: time = double_to_time(0.0);

## Returns what only one who knows the secret can say of these parts. Each part
## counts as a whole, because its hash has a fixed length. The secret is hashed
## twice, so that nobody can append to what it was hashed with.
function proof_of(kind: string, parts: vector of string): string
	{
	local digests = sha256_hash(kind);
	for ( i in parts )
		digests = digests + sha256_hash(parts[i]);

	return sha256_hash(secret, sha256_hash(secret, digests));
	}

## Returns the proof of last_number.
function number_proof(): string
	{
	return proof_of("number", vector(Cluster::node, fmt("%d", last_number)));
	}

# Complains at most once a minute: anybody can send requests.
function refuse()
	{
	++refusals;
	if ( current_time() - complained < 60 secs )
		return;

	complained = current_time();
	Reporter::warning(fmt("zeekfleet: requests without proof were refused, %d so far", refusals));
	}

## Runs a dispatch for one who knows the secret.
function answer(number: count, reqid: string, action: vector of string, proof: string): Answer
	{
	local parts = vector(Cluster::node, fmt("%d", number), reqid);
	for ( i in action )
		parts += action[i];

	local a = Answer();
	if ( proof != proof_of("request", parts) )
		{
		refuse();
		return a;
		}

	if ( number <= last_number )
		a$text = "the request was made before";
	else
		{
		last_number = number;
		local res = run_dispatch(reqid, action);
		a$success = res$success;
		if ( ! res$success )
			a$text = res?$error ? res$error : "the dispatch failed";
		else if ( res?$data )
			a$text = cat(res$data);
		}

	a$proof = proof_of("response", vector(Cluster::node, reqid, fmt("%s", a$success), a$text));
	return a;
	}

# When a change was last complained of.
global kept: time = double_to_time(0.0);

## Keeps an option whose value is run as it is, unless a local script or set_option
## changes it. Whoever is on the bus of the cluster can send the events by which
## Zeek's nodes tell each other of changed options; set_option takes a proof.
function keep_command(id: string, val: string, location: string): string
	{
	if ( id == being_set || ! is_remote_event() )
		return val;

	# At most once a minute: anybody can send events.
	if ( current_time() - kept >= 60 secs )
		{
		kept = current_time();
		Reporter::warning(fmt("zeekfleet: %s is not changed by an event of another node; set_option can set it", id));
		}

	local now: string = lookup_ID(id);
	return now;
	}

@ifdef ( Notice::sendmail )
event zeek_init()
	{
	Option::set_change_handler("Notice::sendmail", keep_command, 1000000);
	}
@endif
