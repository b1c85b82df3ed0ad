package hosttest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// skipWhereImpossible skips the test, and says so on standard error, if the kernel refuses what
// every host needs: namespaces, and an overlay of this machine's files. A machine on which hosts
// are possible never skips.
func skipWhereImpossible(t testing.TB) {
	t.Helper()
	if why := impossible(); why != "" {
		fmt.Fprintf(os.Stderr, "hosttest: %s is skipped: this machine cannot have hosts: %s\n", t.Name(), why)
		t.Skip("this machine cannot have hosts:", why)
	}
}

// impossible says why this machine cannot have hosts, or nothing.
var impossible = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "zeekfleet-host-")
	if err != nil {
		return err.Error()
	}
	defer os.Remove(dir)
	const try = `set -e
mount -t tmpfs none "$0"
mkdir "$0/upper" "$0/work" "$0/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
mount -t sysfs sys "$0/root/sys"
mount -t cgroup2 cgroup2 "$0/root/sys/fs/cgroup"
mount -t proc proc "$0/root/proc"`
	out, err := exec.Command("unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child", "sh", "-c", try, dir).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, strings.TrimSpace(string(out)))
	}
	return ""
})
