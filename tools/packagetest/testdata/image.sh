# Containers of an image: image.sh ROOT-1 ROOT-2 STATE. A controller and an agent run as the first
# processes of PID namespaces of their own. This script is the first process of other namespaces.
# Each line of its output is a fact that the test compares.
set -eu
controller=$1 agent=$2
exec 2>&1
mount --make-rprivate /
mount -t proc proc /proc
ip link set lo up
env="PATH=$PATH ZEEK_AGENT_NAME=sensor ZEEKFLEET_AGENT_METRICS_LISTEN=127.0.0.1:9989 ZEEKFLEET_DRAIN=8s ZEEK_MANAGEMENT_STATE_DIR=/var/lib/zeekfleet"
for root in "$controller" "$agent"; do
	mkdir -p "$root/proc" "$root/dev"
	mknod -m 666 "$root/dev/null" c 1 3
	mknod -m 666 "$root/dev/urandom" c 1 9
done

container() { # ROOT ARG...: starts a container, whose first process is then $first
	root=$1
	shift
	unshare --pid --fork --kill-child --mount sh -c 'mount -t proc proc "$0/proc"; exec env -i '"$env"' chroot "$0" /usr/bin/zeekfleet "$@"' "$root" "$@" >>"$root/log" 2>&1 &
	keeper=$!
	for _ in $(seq 300); do
		first=$(cat "/proc/$keeper/task/$keeper/children" 2>/dev/null | xargs) || true
		[ -n "$first" ] && [ "$(readlink "/proc/$first/exe" || true)" = "$root/usr/bin/zeekfleet" ] && return
		sleep 0.1
	done
	echo "FAILED: no container of $*"
	cat "$root/log"
	exit 1
}
fleet() { env -i $env chroot "$controller" /usr/bin/zeekfleet "$@"; }
health() { env -i $env chroot "$agent" /usr/bin/zeekfleet health "$@"; }
await() { # TEXT COMMAND...: waits at most a minute until the command prints the text
	want=$1
	shift
	for _ in $(seq 300); do
		got=$("$@" 2>&1) || true
		case "$got" in *"$want"*) return ;; esac
		sleep 0.2
	done
	echo "FAILED: no \"$want\" from $*: $got"
	cat "$agent/log"
	exit 1
}
node() { # NODE: prints the PID of a node here
	for p in $(cat /proc/"$first"/task/*/children); do
		tr '\0' '\n' <"/proc/$p/environ" | grep -q "^CLUSTER_NODE=$1\$" && echo "$p" && return
		tr '\0' '\n' <"/proc/$p/cmdline" | grep -qx "$1" && echo "$p" && return
	done
}
starve() { # PID: leaves a process no memory, if this machine lets us, and prints the control group
	for try in "/sys/fs/cgroup memory.max 100K" "/sys/fs/cgroup/memory memory.limit_in_bytes 100K"; do
		set -- "$1" $try
		dir=$2/zeekfleet-test-$$
		[ -e "$2/$3" ] || [ -e "$2/cgroup.procs" ] && mkdir "$dir" || continue
		if [ -e "$dir/$3" ] && echo "$1" >"$dir/cgroup.procs" && echo "$4" >"$dir/$3"; then
			echo "$dir"
			return
		fi
		rmdir "$dir"
	done 2>/dev/null
	return 1
}
ends() { # SIGNAL: what becomes of a container that gets a signal
	began=$(date +%s)
	kill "-$1" "$first"
	status=0
	wait "$keeper" || status=$?
	[ "$1" != KILL ] || status="of somebody who was killed" # it depends on the version of unshare
	[ $(($(date +%s) - began)) -le 8 ] && echo "$1: ended in time, status $status"
	[ ! -e "/proc/$first" ] && echo "$1: no process is left"
}
crashes() { env -i $env chroot "$agent" /usr/bin/zeekfleet agent crashes 2>/dev/null | grep -c '^worker ' || true; }

container "$controller" controller
keeper_of_controller=$keeper
await ok fleet health controller --live
printf '[manager]\ninstance = sensor\nrole = manager\n\n[worker]\ninstance = sensor\nrole = worker\ninterface = lo\n' >"$controller/cluster.ini"
container "$agent" agent
await '"sensor"' fleet get-instances
await '"success": true' fleet deploy-config /cluster.ini
await 'nodes that run: 2' health agent
fleet health controller | xargs echo "health of the controller:"

# An orphan that ends is reaped, and one that lives ends with the container.
ends TERM
crashes | xargs echo "crashes after a normal end:"
container "$agent" agent
await 'nodes that run: 2' health agent
crashes | xargs echo "crashes when it runs again:"

worker=$(node worker)
how=killed
group=$(starve "$worker") && how="killed for want of memory"
for _ in $(seq 100); do [ -n "$group" ] && [ -d "/proc/$worker" ] || break; sleep 0.1; done
kill -KILL "$worker" 2>/dev/null || true
await 'worker' env -i $env chroot "$agent" /usr/bin/zeekfleet agent crashes
echo "a node was killed: crashes: $(crashes)"
echo "how: $how" >&3
await 'nodes that run: 2' health agent
[ -z "$group" ] || rmdir "$group"

ends KILL
container "$agent" agent
await 'nodes that run: 2' health agent
echo "after the container was killed: the nodes run"
ends QUIT
kill -TERM "$(cat /proc/$keeper_of_controller/task/$keeper_of_controller/children | xargs)"
status=0
wait "$keeper_of_controller" || status=$?
echo "controller: status $status"
echo end
