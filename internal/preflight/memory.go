package preflight

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
)

// Memory remembers which checks of scripts have passed, in this run of the program
// and in earlier ones. It identifies a check by a digest of everything that the
// check reads. The digest contains the size, the inode and the times of each
// file, not its content. Memory does not remember checks that failed. A nil Memory
// remembers nothing.
type Memory struct {
	path string // empty if Save must not write
	log  *slog.Logger

	mu   sync.Mutex
	keys []string // digests; the one that was used last is at the end
}

const (
	memoryForm = 1 // the newest form of the file
	// maxRemembered bounds the checks in a Memory. Beyond it, Memory forgets the check
	// that was not used for the longest time.
	maxRemembered = 256
	// maxMemoryFile bounds the file, in bytes. No Memory writes a longer one.
	maxMemoryFile = 64 << 10
)

// memory1 is form 1 of a Memory's file, the first one.
type memory1 struct {
	Version int      `json:"version"`
	Passed  []string `json:"passed"`
}

// OpenMemory reads the file at path. If the file does not exist or is damaged, the
// Memory is empty and Save replaces the file. If a newer zeekfleet has written the
// file, the Memory is empty and Save does nothing, so the file stays.
func OpenMemory(path string, log *slog.Logger) *Memory {
	m := &Memory{path: path, log: log}
	text, err := durable.ReadRegular(path, maxMemoryFile)
	if errors.Is(err, fs.ErrNotExist) {
		return m
	}
	var file memory1
	if err == nil {
		_, err = form.Version(text, memoryForm)
	}
	if _, newer := errors.AsType[*form.NewerError](err); newer {
		log.Warn("checks of scripts are not remembered beyond this run", "err", fmt.Errorf("%s was %w", path, err))
		m.path = ""
		return m
	}
	if err == nil {
		err = form.Decode(text, &file)
	}
	if err != nil {
		log.Warn("checks of scripts are not remembered and will be made again", "err", fmt.Errorf("read %s: %w", path, err))
		return m
	}
	m.keys = file.Passed[max(0, len(file.Passed)-maxRemembered):]
	return m
}

// key returns the digest of a check, or "" if the check cannot be remembered.
func (m *Memory) key(c Check, seen *stats) string {
	if m == nil || c.Group == "" {
		return ""
	}
	sum, ok := seen.of(c.Reads)
	if !ok {
		return ""
	}
	both := sha256.Sum256([]byte(c.Group + " " + sum))
	return hex.EncodeToString(both[:16])
}

// passed tells whether the check with this digest has passed.
func (m *Memory) passed(key string) bool {
	if m == nil || key == "" {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.keys, key)
	if i >= 0 {
		m.keys = append(slices.Delete(m.keys, i, i+1), key)
	}
	return i >= 0
}

// pass remembers that the check with this digest has passed.
func (m *Memory) pass(key string) {
	if m == nil || key == "" {
		return
	}
	m.mu.Lock()
	m.keys = append(slices.DeleteFunc(m.keys, func(k string) bool { return k == key }), key)
	m.keys = m.keys[max(0, len(m.keys)-maxRemembered):]
	m.mu.Unlock()
}

// Save writes the file. Only one call of Save may run at a time.
func (m *Memory) Save() {
	if m == nil || m.path == "" {
		return
	}
	m.mu.Lock()
	text := form.Encode(memory1{memoryForm, m.keys})
	m.mu.Unlock()
	if err := durable.Replace(m.path, m.path+".new", text); err != nil {
		m.log.Warn("checks of scripts are not remembered beyond this run", "err", err)
	}
}

// maxStats bounds the files in one digest. A check that may read more files is not
// remembered.
const maxStats = 50_000

// stats computes the digests of files for one preflight, each only once.
type stats struct {
	sums map[string]string // by the paths; "" if there are more than maxStats files
}

func newStats() *stats { return &stats{map[string]string{}} }

// of returns the digest of the files at these paths and below. It returns false
// if there are more than maxStats.
func (s *stats) of(paths []string) (sum string, ok bool) {
	all := strings.Join(paths, "\x00")
	if sum, ok := s.sums[all]; ok {
		return sum, sum != ""
	}
	w := walk{hash: sha256.New(), dirs: map[inode]bool{}}
	for _, p := range paths {
		w.visit(p)
	}
	if w.count <= maxStats {
		sum = hex.EncodeToString(w.hash.Sum(nil))
	}
	s.sums[all] = sum
	return sum, sum != ""
}

type inode struct{ dev, ino uint64 }

// walk visits files and directories. It follows links, as Zeek does.
type walk struct {
	hash  hash.Hash
	dirs  map[inode]bool // the directories that it has visited
	count int
}

func (w *walk) visit(path string) {
	w.count++
	if w.count > maxStats {
		return
	}
	w.hash.Write([]byte(path + "\x00"))
	info, err := os.Stat(path)
	if err != nil {
		return // the digest of a missing file is its path
	}
	st := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() {
		for _, v := range []int64{
			int64(st.Dev), int64(st.Ino), st.Size, int64(st.Mode), st.Mtim.Sec, st.Mtim.Nsec, st.Ctim.Sec, st.Ctim.Nsec,
		} {
			w.hash.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
		}
		return
	}
	id := inode{st.Dev, st.Ino}
	if w.dirs[id] {
		return
	}
	w.dirs[id] = true
	entries, err := os.ReadDir(path)
	if err != nil {
		w.hash.Write([]byte(err.Error()))
	}
	for _, e := range entries {
		w.visit(filepath.Join(path, e.Name()))
	}
}
