##! Proofs: a node answers only requests whose sender knows the node's secret. Each
##! launch of a node has a new secret, and only the node's agent knows it. For Zeek
##! 5.0 and later.
##!
##! The options script sets secret.

@load ./zeekfleet-dispatch

module Fleet::Node;

export {
	## An answer and its proof. If proof is empty, the node sends no answer.
	type Answer: record {
		success: bool &default=F;
		## The data of a success, which may be empty, or the error.
		text: string &default="";
		proof: string &default="";
	};
}

# The number of the last request that was accepted. The node accepts each number
# once, so nobody can send an overheard request again.
global last_number: count = 0;

# How many requests had no valid proof, and when the last warning about them was
# given.
global refusals: count = 0;
global complained: time = double_to_time(0.0);

## Returns the proof of these parts, which can be computed only with the secret. It
## is made from the hash of each part: hashes have a fixed length, so a text cannot
## move from one part to the next. The secret is hashed twice, so that nobody can
## extend the text of a known proof.
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

# Warns at most once a minute, because anybody can send requests.
function refuse()
	{
	++refusals;
	if ( current_time() - complained < 60 secs )
		return;

	complained = current_time();
	Reporter::warning(fmt("zeekfleet: requests without proof were refused, %d so far", refusals));
	}

## Runs a dispatch if the proof is valid, and returns the answer.
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

# When the last warning about a refused change was given.
global kept: time = double_to_time(0.0);

## Keeps the value of an option that Zeek runs as a command, unless a local script or
## set_option changes it. Every client of the cluster's bus can send the events with
## which Zeek's nodes tell each other of changed options; set_option needs a proof.
function keep_command(id: string, val: string, location: string): string
	{
	if ( id == being_set || ! is_remote_event() )
		return val;

	# At most one warning a minute, because anybody can send events.
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
