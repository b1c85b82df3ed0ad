# The life of a package in a root directory: life.sh ROOT deb|rpm OLD NEW. It runs as the first
# process of its own namespaces. Each line of its output is a fact that the test compares.
set -eu
root=$1 format=$2 old=$3 new=$4
exec 2>&1
mount --make-rprivate /
mount -t proc proc /proc
mount -t proc proc "$root/proc"
ip link set lo up
mkdir -p "$root/run/systemd/system" "$root/pkg"
cp "${0%/*}/systemctl" "$root/usr/bin/systemctl"
cp "$old" "$root/pkg/old.$format"
cp "$new" "$root/pkg/new.$format"

inside() { chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
quietly() { "$@" >"$root/pkg/log" 2>&1 || { echo "FAILED: $*"; cat "$root/pkg/log"; exit 1; }; }
install() { # OLD-OR-NEW
	case $format in
	deb) quietly inside dpkg --install "/pkg/$1.deb" ;;
	rpm) quietly rpm --root "$root" --nodeps --upgrade --oldpackage "$root/pkg/$1.rpm" ;;
	esac
}
version() { inside zeekfleet version | head -n 1; }
await() { # TEXT COMMAND...: waits at most a minute until the command prints the text
	want=$1
	shift
	for _ in $(seq 300); do
		got=$("$@" 2>&1) || true
		case "$got" in *"$want"*) return ;; esac
		sleep 0.2
	done
	echo "FAILED: no \"$want\" from $*: $got"
	cat "$root"/run/units/*.log
	exit 1
}
count_running() { inside zeekfleet get-nodes | grep -c '"state": "RUNNING"'; }
pids() { for n in manager worker; do sed -n 's/.*"pid":\([0-9]*\).*/\1/p' "$root"/var/lib/zeekfleet/nodes/*/processes/$n.*.json; done | xargs; }
alive() { for p in "$@"; do [ -d "/proc/$p" ] && ! grep -q '^State:.Z' "/proc/$p/status" || { echo "FAILED: process $p is gone"; exit 1; }; done; }
same() { [ "$(pids)" = "$nodes" ] && alive $nodes && echo "$1: the nodes have their PIDs"; }

install old
echo "installed: $(version)"
[ ! -e "$root/run/units/zeekfleet-agent.service.pid" ] && echo "installed: nothing was started"
inside getent passwd zeekfleet zeek | cut -d : -f 1 | xargs echo "users:"
for u in controller agent; do inside systemctl start zeekfleet-$u.service; done
await '"host"' inside zeekfleet get-instances
printf '[manager]\nrole = manager\n\n[worker]\nrole = worker\ninterface = lo\n' >"$root/pkg/cluster.ini"
await '"success": true' inside zeekfleet deploy-config /pkg/cluster.ini
await 4 count_running # with controller and agent
nodes=$(pids)
alive $nodes
agent=$(cat "$root/run/units/zeekfleet-agent.service.pid")

echo "# mine" >>"$root/etc/zeekfleet/agent.yaml"
install new
echo "upgraded: $(version)"
[ "$(cat "$root/run/units/zeekfleet-agent.service.pid")" != "$agent" ] && echo "upgraded: the agent has started anew"
await 4 count_running
same upgraded
grep -c '^# mine$' "$root/etc/zeekfleet/agent.yaml" | xargs echo "settings that a person has changed:"
install old
echo "downgraded: $(version)"
await 4 count_running
same downgraded

case $format in
deb) inside dpkg --remove zeekfleet >"$root/pkg/said" 2>&1 ;;
rpm) rpm --root "$root" --erase zeekfleet >"$root/pkg/said" 2>&1 ;;
esac
[ ! -e "$root/usr/bin/zeekfleet" ] && echo "removed"
grep -o 'these nodes go on' "$root/pkg/said"
alive $nodes
[ -e "$root"/var/lib/zeekfleet/nodes ] && echo "removed: the state is there"
[ -e "$root/etc/zeekfleet/agent.yaml" ] || [ -e "$root/etc/zeekfleet/agent.yaml.rpmsave" ] && echo "removed: changed settings are there"
if [ $format = deb ]; then
	inside dpkg --purge zeekfleet >"$root/pkg/said" 2>&1 && echo "FAILED: purged under running nodes"
	grep -o 'Nothing was removed' "$root/pkg/said"
	[ -e "$root"/var/lib/zeekfleet/nodes ] && echo "not purged: the state is there"
	alive $nodes
	kill $nodes
	for p in $nodes; do while [ -d "/proc/$p" ] && ! grep -q '^State:.Z' "/proc/$p/status"; do sleep 0.05; done; done
	quietly inside dpkg --purge zeekfleet
	[ ! -e "$root/var/lib/zeekfleet" ] && [ ! -e "$root/etc/zeekfleet" ] && echo "purged: nothing is left"
	inside dpkg --status zeekfleet >/dev/null 2>&1 && echo "FAILED: dpkg still knows it"
fi
echo "end"
