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

// Recorded returns the records in a directory whose processes live. It changes
// nothing, so the directory may be in use by a Host. It ignores files that it cannot
// read as records. If the directory does not exist, it returns no records. It returns
// an error if a newer zeekfleet has written a record.
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
