# Makes the root file system of a host, and becomes its systemd. It runs as the first process
# of new namespaces. $1 is an empty directory, $2 the name of the host. Everything that the host
# writes is in memory, and goes with the namespaces.
set -eu
dir=$1
hostname "$2"
mount -t tmpfs none "$dir"
mkdir "$dir/upper" "$dir/work" "$dir/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
cd "$dir/root"

mount -t proc proc proc
mount -t sysfs sys sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs dev
for device in null zero full random urandom tty; do
	: >"dev/$device"
	mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm
mount -t devpts -o ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for d in run tmp root home; do
	mount -t tmpfs tmpfs "$d"
done
chmod 1777 tmp
chmod 700 root

# Only what a service needs: no hardware, no logins, no services of this machine.
: >etc/fstab
echo "$2" >etc/hostname
printf '127.0.0.1 localhost %s\n::1 localhost\n' "$2" >etc/hosts
rm -rf etc/systemd/system/*.wants etc/systemd/system/*.requires
printf '[Unit]\nRequires=basic.target\nWants=dbus.socket\n' >etc/systemd/system/default.target
mkdir -p etc/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nAudit=no\nReadKMsg=no\n' >etc/systemd/journald.conf.d/host.conf
for unit in systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service \
	systemd-journald-audit.socket systemd-modules-load.service systemd-sysctl.service systemd-sysusers.service \
	systemd-update-utmp.service systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-random-seed.service \
	systemd-timesyncd.service systemd-resolved.service systemd-logind.service systemd-networkd.service \
	proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
	dev-hugepages.mount dev-mqueue.mount tmp.mount; do
	ln -sf /dev/null "etc/systemd/system/$unit"
done
mkdir -p run/dbus run/lock

pivot_root . mnt
umount -l /mnt
ip link set lo up
export container=zeekfleet-test
exec /lib/systemd/systemd --log-target=console --show-status=no
