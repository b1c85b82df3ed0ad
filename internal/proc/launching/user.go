package launching

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// User is a user of this host as whom a program runs.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary groups
}

// become turns this thread into one of the user, without any capability, or with CAP_NET_RAW
// alone if the program captures: the program gets it without a file capability. The other
// threads of the helper end when it executes the program. The caller has locked the thread.
func (u *User) become(captures bool) error {
	if u == nil {
		return nil
	}
	if captures {
		// Otherwise the permitted capabilities go with the user's change.
		if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("keep the capability to capture: %w", err)
		}
	}
	// The functions of package syscall would change all threads.
	var groups unsafe.Pointer
	if len(u.Groups) > 0 {
		groups = unsafe.Pointer(&u.Groups[0])
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(u.Groups)), uintptr(groups), 0)
	runtime.KeepAlive(u)
	if errno != 0 {
		return fmt.Errorf("become user %d: set groups: %w", u.UID, errno)
	}
	gid, uid := uintptr(u.GID), uintptr(u.UID)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return fmt.Errorf("become user %d: set group %d: %w", u.UID, u.GID, errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return fmt.Errorf("become user %d: %w", u.UID, errno)
	}
	if !captures {
		return nil
	}
	const raw = 1 << unix.CAP_NET_RAW
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: raw, Permitted: raw, Inheritable: raw}}
	if err := unix.Capset(&head, &data[0]); err != nil {
		return fmt.Errorf("keep the capability to capture (CAP_NET_RAW): %w", err)
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_NET_RAW, 0, 0); err != nil {
		return fmt.Errorf("keep the capability to capture (CAP_NET_RAW): %w", err)
	}
	return nil
}
