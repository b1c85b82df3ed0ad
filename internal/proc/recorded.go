package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
)

// Recorded returns the living processes that the records in a directory name.
// It changes nothing, so that it may look at a directory that a Host uses. It passes
// over files that are no records. A directory that does not exist has no records. A
// record of a newer zeekfleet is an error.
func Recorded(dir string) ([]Record, error) {
	boot, err := readBootID()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("process records: %w", err)
	}
	var living []Record
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), recordSuffix) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		rec, err := records{dir}.read(path)
		if isNewer(err) {
			return nil, fmt.Errorf("process records: %s was %w", path, err)
		}
		if err != nil || rec.BootID != boot {
			continue
		}
		if s, err := procfs.Root.Stat(rec.PID); err == nil && s.Ticks == rec.StartTicks && !s.Dead() {
			living = append(living, rec)
		}
	}
	return living, nil
}
